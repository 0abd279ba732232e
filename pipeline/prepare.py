"""Photographs -> a dataset directory, on Apache Beam.

    tintmill prepare --input=PHOTOS --output=DATASETS --name=mine --size=224

--source says what --input is, a local path or a gs:// URL. By default it is a folder, a zip or tar file, a tar.gz,
tar.bz2 or tar.xz, a quoted pattern, or a .txt, .csv or .tsv list of paths. The other sources are known datasets, as
they are downloaded: archives stay packed.

Writes DATASETS/mine/1.0.0. Interrupted, it is resumed by the same command: finished shards are kept. Flags that are not
listed here go to Beam (`--runner=PortableRunner --job_endpoint=...`).
"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import MISSING

from absl import flags

from tintmill.pipeline.beam import supervise
from tintmill.pipeline.beam.runners import LOCAL_RUNNER, Runner
from tintmill.pipeline.common import command, files, log, options
from tintmill.pipeline.common.errors import TintmillError, WrongFlagError
from tintmill.pipeline.common.log import say
from tintmill.pipeline.common.options import option
from tintmill.pipeline.dataset.croissant import Publication
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.pipeline.dataset.settings import EmbedderSettings, Settings
from tintmill.pipeline.shards import duplicates, publish, resume
from tintmill.pipeline.shards import estimate as estimates
from tintmill.pipeline.shards.estimate import Estimate
from tintmill.pipeline.shards.plan import Plan, make_plan
from tintmill.pipeline.shards.reports import Reports
from tintmill.pipeline.sources import SOURCES, list_inputs
from tintmill.pipeline.sources.flags import read_settings


@dataclasses.dataclass(frozen=True)
class PrepareArguments:
    """What does not decide the bytes of a dataset: where pictures are, where the dataset goes, what builds it, and what
    its cards say.

    `input` and `output` are paths or gs:// URLs; with the source `reuse_lab`, `reuse_lab` stands in place of `input`.
    """

    output: str = option(MISSING, "Where datasets go; NAME/VERSION is made below.", "Dataset", required=True)
    input: str | None = option(None, "Where the pictures are; folder, archive, pattern, list.", "Input")
    reuse_lab: str = option("", "Instead of --input: a dataset whose records get other embeddings.", "Input")
    max_reject_fraction: float = option(0.05, "Fail at the end above this share of rejects.", "What is left out")
    workers: int = option(0, "Worker processes on this machine; 0: one a core.", "Where it runs")
    worker_timeout: float = option(
        900.0,
        "Seconds that a worker process on this machine may take for one picture, or to start, before the run ends.",
        "Where it runs",
        check=options.at_least(1, wrong_flag=True),
    )
    runner: str = option(LOCAL_RUNNER, "Beam runner; the default is this machine.", "Where it runs")
    dry_run: bool = option(False, "Write nothing: say how much there is, and what it will take.", "A dry run")
    cpu_hour_price: float = option(
        0.0, "Of --dry_run: what a CPU-hour costs, in any currency.", "A dry run", check=options.at_least(0)
    )

    publication: Publication = dataclasses.field(default_factory=Publication)

    def __post_init__(self):
        options.check(self)
        if self.cpu_hour_price and not self.dry_run:
            raise WrongFlagError(f"--cpu_hour_price={self.cpu_hour_price}: wanted with --dry_run")


@dataclasses.dataclass(frozen=True)
class _CommandFlags:
    source: str = option("folder", "Kind of input.", "Input", choices=list_inputs)
    log_format: str = option(
        "text", "What stderr gets: lines, or JSON objects for what watches.", "Where it runs", choices=log.FORMATS
    )


_DEFINED = (
    *(_CommandFlags, PrepareArguments, EmbedderSettings, Settings, Publication),
    *(source.options for source in SOURCES.values()),
)
_HEADINGS = (
    *("Input", "Dataset", "Records", "Embedding", "A part of the input", "What is left out", "Of some sources"),
    *("Where it runs", "A dry run", "Cards"),
)
FLAGS = options.define(*_DEFINED)
TOPICS = options.list_topics(*_DEFINED, order=_HEADINGS)

flags.register_multi_flags_validator(
    ["input", "reuse_lab"],
    lambda given: bool(given["input"]) != bool(given["reuse_lab"]),
    "wanted either --input=PICTURES or --reuse_lab=DATASET",
    flag_values=FLAGS,
)


def main(beam_flags: list[str]) -> None:
    arguments = options.read(PrepareArguments, FLAGS, publication=options.read(Publication, FLAGS))
    settings = read_settings(FLAGS)
    if beam_flags or options.is_given(FLAGS, "runner"):
        from tintmill.pipeline.beam import checks  # importing Beam takes seconds

        checks.check(arguments.runner, beam_flags, FLAGS)
    if arguments.dry_run:
        for line in estimate(arguments, settings).describe(arguments.cpu_hour_price):
            command.show(line)
    else:
        made = prepare(arguments, settings, beam_flags)
        _summarise(made)


def estimate(arguments: PrepareArguments, settings: Settings) -> Estimate:
    """What a dataset will take; nothing is written.

    Raises:
      TintmillError: the input or the settings are not what is wanted.
    """
    return estimates.estimate(_make_plan(arguments, settings))


def prepare(arguments: PrepareArguments, settings: Settings, beam_flags: Sequence[str] = ()) -> Dataset:
    """Makes a dataset, or goes on with one that was begun with the same settings.

    Args:
      beam_flags: flags of Beam's own, as its command line takes them.
    Raises:
      TintmillError: the input, the output or the settings are not what is wanted, a worker failed, or too many pictures
        were rejected. What was built until then is kept.
    """
    plan = _make_plan(arguments, settings)
    reports = Reports(plan)
    runner = Runner(arguments.runner, arguments.workers, tuple(beam_flags), arguments.worker_timeout)
    resume.check_resumable(plan)
    try:
        claim = resume.begin(plan)
    except OSError as error:
        raise _unwritable(arguments, error) from error
    reports.look()
    reports.take_back_changed()
    listed, shards = sum(dict(plan.counts).values()), len(plan.list_shards())
    say(f"{listed} files, {shards} shards, {reports.todo} to build", files=listed, shards=shards, to_build=reports.todo)
    supervise.build_shards(reports, runner)
    if settings.drop_duplicates:
        _leave_out_duplicates(reports, runner)
    try:
        return publish.publish(plan, claim, reports.all(), arguments.max_reject_fraction, arguments.publication)
    except OSError as error:
        raise _unwritable(arguments, error) from error


def _make_plan(arguments: PrepareArguments, settings: Settings) -> Plan:
    root = files.absolute(arguments.input or arguments.reuse_lab)
    folder = files.join(files.absolute(arguments.output), settings.name, settings.version)
    if settings.source != "tfds":  # that one reads a single dataset of its folder
        _check_apart(arguments, root, folder)
    plan = make_plan(settings, root, folder)
    for note in plan.notes:
        say(f"NOTE: {note}")
    return plan


def _check_apart(arguments: PrepareArguments, root: str, folder: str) -> None:
    if files.is_pattern(root):
        root = files.pattern_root(root) if "**" in root else root
    # Links resolved: the next listing would find the dataset's own files among the pictures.
    inner, outer = (path if files.is_remote(path) else os.path.realpath(path) for path in (folder, root))
    if inner == outer or inner.startswith(outer.rstrip("/") + "/"):
        raise TintmillError(
            f"--output={arguments.output} lies inside --input={arguments.input}; wanted a folder outside of it"
        )


def _unwritable(arguments: PrepareArguments, error: OSError) -> TintmillError:
    return TintmillError(f"--output={arguments.output}: cannot be written: {error}")


def _leave_out_duplicates(reports: Reports, runner: Runner) -> None:
    """Builds the shards with duplicates again, without them."""
    found = duplicates.find(reports.plan, reports.all())
    reports.exclude(found)
    if reports.todo:
        pictures = sum(map(len, found.values()))
        say(f"{pictures} pictures are in two splits; {reports.todo} shards are built again without them")
        supervise.build_shards(reports, runner)


def _summarise(made: Dataset) -> None:
    pictures = made.manifest.pictures
    size = sum(entry.bytes for entry in made.shards())
    splits = ", ".join(f"{name} {n}" for name, n in made.splits.items())
    each = size / max(1, pictures.kept)
    counts = {"kept": pictures.kept, "read": pictures.read, "bytes": size, "rejected": pictures.rejected}
    say(f"{pictures.kept} of {pictures.read} pictures kept ({splits}), {each:,.0f} bytes each", **counts)
    for code, number in pictures.rejected.items():
        say(f"  left out: {number} {code}")
    if made.embedder and made.embedder.weights == "random":
        say(f"  NOTE: {made.embedder.name} has RANDOM weights here; its embedding knows nothing about pictures")
    if made.embedder and made.embedder.weights == "zeros":
        say("  NOTE: every embedding is zero, as --embedder_weights=zeros asks")
    print(made.folder)


def run_command(argv: list[str]) -> int:
    return command.run("prepare", FLAGS, main, argv, __doc__, TOPICS, unknown="pass")


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
