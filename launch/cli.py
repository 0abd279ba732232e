"""The `tintmill` command: imports the module of a command, and hands it the arguments."""

import importlib
import sys

import tintmill
from tintmill.pipeline.common import command

# Command: (module, what it does). The module has `run_command(argv)`, which returns the exit code.
COMMANDS = {
    "prepare": ("tintmill.pipeline.prepare", "photographs -> dataset directory"),
    "verify": ("tintmill.pipeline.verify", "check a dataset directory against its manifest"),
    "peek": ("tintmill.pipeline.peek", "show what a dataset directory holds"),
    "convert": ("tintmill.pipeline.convert", "a dataset directory -> Parquet, ArrayRecord or WebDataset"),
    "networks": ("tintmill.model.list_networks", "list the networks: inputs, parameters, multiply-adds"),
    "models": ("tintmill.model.models", "list the models that are built in or installed, or install one"),
    "train": ("tintmill.trainer.train", "dataset directory -> run directory"),
    "evaluate": ("tintmill.trainer.evaluate", "score a run, or other people's pictures, beside the trivial answers"),
    "colorize": ("tintmill.model.colorize", "colour pictures, with the built-in model or another"),
    "export": ("tintmill.trainer.export", "a run as one file for other programs, with a model card"),
    "report": ("tintmill.trainer.report", "a run, or several side by side, as one HTML page"),
    "study": ("tintmill.launch.study", "ask people whether coloured pictures look real"),
    "web": ("tintmill.launch.web", "a page that colours pictures, on this machine"),
    "runs": ("tintmill.trainer.runs", "list runs: how far, in what they differ, what they came to"),
    "experiment": ("tintmill.launch.experiment", "prepare, train, evaluate, report: a known experiment"),
    "cluster": ("tintmill.launch.cluster", "Flink or Spark on this machine, to try prepare on"),
    "launch": ("tintmill.launch.launch", "the job file that runs prepare or train on a cluster"),
    "doctor": ("tintmill.launch.doctor", "what works on this machine, and what helps where something does not"),
    "demo": ("tintmill.launch.demo", "all of it on a handful of photographs"),
}


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        command.show(usage())
        return 0
    if arguments[0] == "--version":
        command.show(tintmill.__version__)
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"tintmill: no command {name!r}; wanted one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return importlib.import_module(COMMANDS[name][0]).run_command(rest)


def usage() -> str:
    lines = [f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items()]
    last = "`tintmill COMMAND --help` lists the flags of a command; `tintmill --version` prints the version."
    return "\n".join(["usage: tintmill COMMAND [FLAGS]", "", *lines, "", last])


if __name__ == "__main__":
    sys.exit(main())
