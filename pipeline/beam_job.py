"""The Beam graph: references are shuffled, shards are built.

    Create(input) | list references | key by (split, shard) \\
                                                             Flatten | GroupByKey | build shard
    Create(every shard key, so that a shard without pictures is built too) /

What a shard holds is decided by the plan; how the work is spread is the runner's affair. The result is not returned:
every shard commits itself, and `dataset.publish` reads the reports.
"""

import os

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.plan import Plan, list_references, shard_of
from pipeline.shard import build_shard


class BuildShard(beam.DoFn):
    """Builds one shard of the plan; an element is ((split, shard), references)."""

    def __init__(self, plan: Plan):
        self._plan = plan

    def process(self, element):
        (split, index), references = element
        report = build_shard(self._plan, split, index, [r for r in references if r is not None])
        beam.metrics.Metrics.counter("tintmill", "pictures_kept").inc(report["kept"])
        yield report["file"]


def run(plan: Plan, runner: str, workers: int, flags: list[str]) -> None:
    """Builds and runs the pipeline, waiting for its end."""
    with beam.Pipeline(options=pipeline_options(runner, workers, flags)) as pipeline:
        references = (
            pipeline
            | "Input" >> beam.Create([plan.input])
            | "ListReferences" >> beam.FlatMap(lambda _: list_references(plan))
            | "KeyByShard" >> beam.Map(lambda reference: (shard_of(plan, reference), reference))
        )
        keys = pipeline | "ShardKeys" >> beam.Create([(key, None) for key in plan.shard_keys()])
        (
            (references, keys)
            | "WithEveryShard" >> beam.Flatten()
            | "GroupByShard" >> beam.GroupByKey()
            | "BuildShard" >> beam.ParDo(BuildShard(plan))
        )


def pipeline_options(runner: str, workers: int, flags: list[str]) -> PipelineOptions:
    """Options for Beam. `FnApiRunner`, not `DirectRunner`: the latter first tries to download another runner."""
    options = [f"--runner={runner}", *flags]
    if not any(flag.startswith("--default_sdk_harness_log_level") for flag in flags):
        options.append("--default_sdk_harness_log_level=ERROR")
    if runner == "FnApiRunner":
        count = workers or os.cpu_count() or 1
        mode = "in_memory" if count == 1 else "multi_processing"
        options += [f"--direct_running_mode={mode}", f"--direct_num_workers={count}"]
    return PipelineOptions(options)
