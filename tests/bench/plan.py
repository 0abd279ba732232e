"""Planning: a million references listed, counted, keyed and shuffled; seconds and memory. No picture is read.

Twice, each in a process of its own for its peak memory: grouped, as one worker and other runners have it, and looked up
shard by shard, as several workers of this machine have it.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable

import apache_beam as beam

from tintmill.pipeline import sources
from tintmill.pipeline.beam import job
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.listing.reference import Description, Reference
from tintmill.pipeline.shards import plan as plans

REFERENCES = 1_000_000


def main() -> None:
    for way in ("group", "look_up"):
        subprocess.run([sys.executable, "-c", f"from tests.bench import plan; plan.measure(plan.{way})"], check=True)


def measure(shuffle: Callable[[plans.Plan], int]) -> None:
    sources.SOURCES["synthetic"] = sources.Source(lambda *_: Description(), synthetic)
    began = time.process_time()
    plan = plans.make_plan(Settings("bench", source="synthetic", embedder=None), "/nowhere", "/nowhere")
    listed = time.process_time()
    shards = shuffle(plan)
    shuffled = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{REFERENCES:,} references, {len(plan.list_shards()):,} shards, by {shuffle.__name__}")
    print(f"{'listing and counting':<34}{listed - began:9.1f} CPU-s")
    print(f"{'listing and shuffle, Beam':<34}{shuffled - listed:9.1f} CPU-s ({shards:,} shards)")
    print(f"{'peak memory':<34}{memory:9.2f} GiB", flush=True)


def synthetic(root: str, settings: Settings):
    for number in range(REFERENCES):
        yield Reference(f"class{number % 1000:04d}/{number:012d}.jpg", f"/nowhere/{number}.jpg", 100_000, 0.0, "class")


def group(plan: plans.Plan) -> int:
    """The grouped graph with the building of shards left out; returns the number of groups."""
    pipeline = job.local_pipeline(1, [])
    job.grouped_references(pipeline, plan) | beam.Map(lambda element: count())
    return counted(pipeline)


def look_up(plan: plans.Plan) -> int:
    """The dealt graph with the building of shards left out; returns the number of shards looked up."""
    pipeline = job.local_pipeline(1, [])
    by_shard = beam.pvalue.AsMultiMap(job.pickled_references(pipeline, plan))
    look = beam.Map(lambda key, found: count() if len(list(found[key])) else None, by_shard)
    pipeline | beam.Create(plan.list_shards()) | beam.Reshuffle() | look
    return counted(pipeline)


def count() -> None:
    beam.metrics.Metrics.counter("bench", "shards").inc()


def counted(pipeline: beam.Pipeline) -> int:
    result = pipeline.run()
    result.wait_until_finish()
    return result.metrics().query()["counters"][0].committed


if __name__ == "__main__":
    main()
