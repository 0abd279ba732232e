"""The `tintmill` command: finds the module of a command and hands it the arguments."""

import importlib
import sys

from pipeline import command

# command: (module with `run_command(argv) -> exit code`, what it does)
COMMANDS = {
    "prepare": ("pipeline.prepare", "photographs -> dataset directory"),
    "verify": ("pipeline.verify", "check a dataset directory against its manifest"),
    "peek": ("pipeline.peek", "show what a dataset directory holds"),
    "networks": ("model.networks_table", "list the networks: inputs, parameters, multiply-adds"),
    "train": ("trainer.train", "dataset directory -> run directory"),
    "evaluate": ("trainer.evaluate", "score a run, or other people's pictures, beside the trivial answers"),
    "colorize": ("model.colorize", "colour pictures with a run"),
    "export": ("trainer.export", "a run as one file for other programs, with a model card"),
    "report": ("trainer.report", "a run, or several side by side, as one HTML page"),
    "study": ("launch.study", "ask people whether coloured pictures look real"),
    "web": ("launch.web", "a page that colours pictures, on this machine"),
    "runs": ("trainer.runs", "list runs: how far, in what they differ, what they came to"),
    "experiment": ("launch.experiment", "prepare, train, evaluate, report: a known experiment"),
    "cluster": ("launch.cluster", "Flink or Spark on this machine, to try prepare on"),
    "launch": ("launch.job_file", "the job file that runs prepare or train on a cluster"),
    "demo": ("launch.demo", "all of it on a handful of photographs"),
}


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        command.show(usage())
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"tintmill: no command {name!r}; wanted one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return importlib.import_module(COMMANDS[name][0]).run_command(rest)


def usage() -> str:
    lines = [f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(
        ["usage: tintmill COMMAND [FLAGS]", "", *lines, "", "`tintmill COMMAND --help` lists the flags of a command."]
    )


if __name__ == "__main__":
    sys.exit(main())
