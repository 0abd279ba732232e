"""The Beam graph: references are shuffled, shards are built.

    Create(input) | list references | key by (split, shard) \\
                                                             Flatten | GroupByKey | build shard
    Create(every shard key, so that a shard without pictures is built too) /

What a shard holds is decided by the plan; how the work is spread is the runner's affair. The result is not returned:
every shard commits itself, and `dataset.publish` reads the reports.
"""

import argparse
import contextlib
import os
import shlex
import sys

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipeline.errors import TintmillError
from pipeline.plan import Plan, list_references, shard_of
from pipeline.shard import build_shard
from pipeline.sources import Reference
from pipeline.worker_watch import watch_workers

LOCAL_RUNNER = "FnApiRunner"


class BuildShard(beam.DoFn):
    """Builds one shard of the plan; an element is ((split, shard), references)."""

    def __init__(self, plan: Plan):
        self._plan = plan

    def process(self, element):
        (split, index), references = element
        report = build_shard(self._plan, split, index, [Reference.from_tuple(r) for r in references if r is not None])
        beam.metrics.Metrics.counter("tintmill", "pictures_kept").inc(report["kept"])
        yield report["file"]


def run(plan: Plan, runner: str, workers: int, flags: list[str]) -> None:
    """Builds and runs the pipeline, waiting for its end."""
    count = workers or os.cpu_count() or 1
    local = runner == LOCAL_RUNNER
    options = local_options(count, flags) if local else PipelineOptions([f"--runner={runner}", *flags])
    watch = watch_workers() if local and count > 1 else contextlib.nullcontext()
    with watch, beam.Pipeline(runner=local_runner(count) if local else None, options=options) as pipeline:
        grouped_references(pipeline, plan) | "BuildShard" >> beam.ParDo(BuildShard(plan))


def grouped_references(pipeline: beam.Pipeline, plan: Plan) -> beam.PCollection:
    """((split, shard), references) for every shard of the plan; None among the references is no reference.

    References travel as tuples: Beam's own coder takes a third of the bytes that a pickled object takes.
    """
    references = (
        pipeline
        | "Input" >> beam.Create([plan.input])
        | "ListReferences" >> beam.FlatMap(lambda _: list_references(plan))
        | "KeyByShard" >> beam.Map(lambda reference: (shard_of(plan, reference), reference.to_tuple()))
    )
    keys = pipeline | "ShardKeys" >> beam.Create([(key, None) for key in plan.shard_keys()])
    return (references, keys) | "WithEveryShard" >> beam.Flatten() | "GroupByShard" >> beam.GroupByKey()


def check_flags(runner: str, flags: list[str]) -> None:
    """Refuses flags that Beam would drop in silence: a misspelt flag of ours is one of them.

    Other runners than this machine's may know more flags than Beam does, from their job server; they see to theirs.

    Raises:
      TintmillError: naming the flag.
    """
    parser = _OneLineParser(prog="beam", add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for options in {PipelineOptions, *PipelineOptions.__subclasses__()}:
        options._add_argparse_args(parser)  # the method that Beam documents for options of one's own
    _, unknown = parser.parse_known_args(flags)
    if unknown and runner == LOCAL_RUNNER:
        raise TintmillError(f"{' '.join(unknown)}: no flag of `tintmill prepare`, nor of Beam")


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str):
        raise TintmillError(f"a flag for Beam: {message}")


def local_runner(workers: int) -> FnApiRunner:
    """This machine: in this process for one worker, else in worker processes.

    Not `DirectRunner`: that one first tries to download another runner. Not its `multi_processing` mode: the same
    processes, with Beam's commentary on stderr.
    """
    if workers == 1:
        return FnApiRunner()
    # Ctrl-C and a scheduler's SIGTERM reach the whole process group; the job itself ends its workers, without outcry.
    command = f"trap '' INT TERM; exec {shlex.quote(sys.executable)} -m pipeline.beam_worker"
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))


def local_options(workers: int, flags: list[str]) -> PipelineOptions:
    return PipelineOptions([f"--direct_num_workers={workers}", *flags])
