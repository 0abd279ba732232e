"""The Beam graph: references are shuffled, shards are built.

    Create(input) | list references | key by (split, shard) \\
                                                             Flatten | GroupByKey | build shard
    Create(every shard key, so that a shard without pictures is built too) /

What a shard holds is decided by the plan; how the work is spread is the runner's affair. The result is not returned:
every shard commits itself, and `dataset.publish` reads the reports.

With several worker processes on this machine the grouping is a side input instead, and the shards are dealt one by one:

    Create(input) | list references | key by (split, shard) --------- by shard
                                                                         |
    Create(worker numbers) | GroupByKey, which gives each worker one | build shards, as long as there are any

Beam's local runner would cut the shards into fixed parts, one a worker, and wait for the slowest. Other runners group
and spread shards as they do. Flink and Spark spread them by hash, so that with few shards a worker the one with the
most decides: of the 2,503 shards of ImageNet it has 1.14 times its share on 16 workers and 2.05 times on 256 (drawn).
Lower `--shard_examples` there.
"""

import contextlib
import os
import pickle
import shlex
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import FlinkRunnerOptions, GoogleCloudOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from tintmill.pipeline.beam import flink, local_workers, lost_connections, metrics, signs_of_life
from tintmill.pipeline.beam.deal import Deal
from tintmill.pipeline.beam.runners import LOCAL_RUNNER, Runner
from tintmill.pipeline.common import command, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.names import LAST_ERROR
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards.build import build_shard
from tintmill.pipeline.shards.plan import Plan, choose_shard, list_references


class BuildShard(beam.DoFn):
    """Builds one shard of the plan; an element is ((split, shard), references)."""

    def __init__(self, plan: Plan):
        self._plan = plan

    def process(self, element):
        key, references = element
        yield _build(self._plan, key, (reference for reference in references if reference is not None))


class BuildDealtShards(beam.DoFn):
    """Builds the shards that are dealt to this process; an element is a worker, `references` are pickled, by shard."""

    def __init__(self, plan: Plan, deal: Deal):
        self._plan, self._deal = plan, deal

    def process(self, element, references):
        keys = self._plan.list_shards()
        try:
            for number in self._deal:
                yield _build(self._plan, keys[number], map(pickle.loads, references[keys[number]]))
        except Exception:
            self._deal.stop()  # the runner tells the error only once all workers are done
            raise
        finally:
            signs_of_life.give(signs_of_life.IDLE)


def _build(plan: Plan, key: tuple[str, int], references: Iterable[tuple]) -> str:
    name = f"shard {key[1]} of {key[0]}"
    signs_of_life.give(name)
    try:
        unpacked = [Reference.from_tuple(r) for r in references]
        give = signs_of_life.give_now_and_then
        report = build_shard(plan, *key, unpacked, lambda id: give(f"{name}, {id}"), metrics.record_time)
    except TintmillError as error:
        with contextlib.suppress(OSError, TintmillError):  # of an output that cannot be written either
            files.write(plan.path(LAST_ERROR), str(error))
        raise
    metrics.count_pictures(report)
    return report.file


def run(plan: Plan, runner: Runner) -> None:
    """Builds and runs the pipeline, waiting for its end."""
    count = runner.workers or os.cpu_count() or 1
    if runner.name != LOCAL_RUNNER:
        _run_elsewhere(plan, runner)
    elif count == 1:
        with local_pipeline(1, runner.flags) as pipeline:
            _build_grouped(plan, pipeline)
    else:
        _run_dealt(plan, count, runner)


def _build_grouped(plan: Plan, pipeline: beam.Pipeline) -> None:
    grouped_references(pipeline, plan) | "BuildShard" >> beam.ParDo(BuildShard(plan))


def _run_elsewhere(plan: Plan, runner: Runner) -> None:
    """On a cluster the job goes on when this command ends, so whoever stops the command stops the job."""
    options = PipelineOptions([f"--runner={runner.name}", f"--job_name=tintmill-{uuid.uuid4().hex}", *runner.flags])
    pipeline = beam.Pipeline(options=options)
    _build_grouped(plan, pipeline)
    handler = signal.getsignal(signal.SIGINT)
    result = pipeline.run()
    signal.signal(signal.SIGINT, handler)  # Beam's own ends the job server, through which the job is cancelled
    lost_connections.leave_unsaid()
    try:
        result.wait_until_finish()
    except (KeyboardInterrupt, command.Terminated):
        _cancel(result, options)
        raise


def _cancel(result: PipelineResult, options: PipelineOptions) -> None:
    with contextlib.suppress(Exception):  # what stopped the command is what is told
        result.cancel()
    master = options.view_as(FlinkRunnerOptions).flink_master
    if not master.startswith("["):  # [auto] and [local] end with their job server
        flink.cancel(master, options.view_as(GoogleCloudOptions).job_name)


def _run_dealt(plan: Plan, workers: int, runner: Runner) -> None:
    with (
        tempfile.NamedTemporaryFile() as file,
        lost_connections.unsaid(),
        local_workers.running_workers(runner.worker_timeout),
        local_pipeline(workers, runner.flags) as pipeline,
    ):
        by_shard = beam.pvalue.AsMultiMap(pickled_references(pipeline, plan))
        deal = BuildDealtShards(plan, Deal(file.name, len(plan.list_shards())))
        numbers = pipeline | "Workers" >> beam.Create([(number, None) for number in range(workers)])
        numbers | "OneEach" >> beam.GroupByKey() | "BuildDealtShards" >> beam.ParDo(deal, by_shard)


def keyed_references(pipeline: beam.Pipeline, plan: Plan) -> beam.PCollection:
    """((split, shard), reference) for every picture of the plan.

    References travel as tuples: Beam's own coder takes a third of the bytes that a pickled object takes.
    """
    return (
        pipeline
        | "Input" >> beam.Create([plan.input])
        | "ListReferences" >> beam.FlatMap(lambda _: _list_with_signs(plan))
        | "KeyByShard" >> beam.Map(lambda reference: (choose_shard(plan, reference), reference.to_tuple()))
    )


def _list_with_signs(plan: Plan) -> Iterator[Reference]:
    yield from signs_of_life.give_for_each(list_references(plan), f"listing {plan.input}")
    signs_of_life.give(signs_of_life.IDLE)


def pickled_references(pipeline: beam.Pipeline, plan: Plan) -> beam.PCollection:
    """`keyed_references` as bytes: the runner decodes a side input once more, and tuples would take twice its time and
    five times its memory.
    """
    pickled = beam.MapTuple(lambda key, reference: (key, pickle.dumps(reference)))
    return keyed_references(pipeline, plan) | "Pickle" >> pickled.with_output_types(tuple[tuple[str, int], bytes])


def grouped_references(pipeline: beam.Pipeline, plan: Plan) -> beam.PCollection:
    """((split, shard), references) for every shard of the plan; None among the references is no reference."""
    keys = pipeline | "ShardKeys" >> beam.Create([(key, None) for key in plan.list_shards()])
    return (
        (keyed_references(pipeline, plan), keys)
        | "WithEveryShard" >> beam.Flatten()
        | "GroupByShard" >> beam.GroupByKey()
    )


def local_pipeline(workers: int, flags: Sequence[str]) -> beam.Pipeline:
    """On this machine: in this process for one worker, else in worker processes.

    Not `DirectRunner`: that one first tries to download another runner. Not its `multi_processing` mode: the same
    processes, with Beam's commentary on stderr.
    """
    options = PipelineOptions([f"--direct_num_workers={workers}", *flags])
    if workers == 1:
        return beam.Pipeline(runner=FnApiRunner(), options=options)
    # Ctrl-C and a scheduler's SIGTERM reach the whole process group; the job itself ends its workers, without outcry.
    command = f"trap '' INT TERM; exec {shlex.quote(sys.executable)} -m tintmill.pipeline.beam.worker {os.getpid()}"
    environment = SubprocessSDKEnvironment.from_command_string(command)
    return beam.Pipeline(runner=FnApiRunner(default_environment=environment), options=options)
