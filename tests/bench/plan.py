"""Planning: a million references listed, counted, keyed and grouped; seconds and memory. No picture is read."""

import resource
import time
from types import SimpleNamespace

from pipeline import plan as plans
from pipeline import sources
from pipeline.settings import Settings
from pipeline.sources import Description, Reference

REFERENCES = 1_000_000


def main() -> None:
    sources.SOURCES["synthetic"] = SimpleNamespace(describe=lambda *_: Description(), references=synthetic)
    began = time.process_time()
    plan = plans.make_plan(Settings("bench", source="synthetic", embedder=None), "/nowhere", "/nowhere")
    listed = time.process_time()
    groups = group(plan)
    grouped = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{REFERENCES:,} references, {len(plan.shard_keys()):,} shards")
    print(f"{'listing and counting':<34}{listed - began:9.1f} CPU-s")
    print(f"{'listing, shuffle and grouping, Beam':<34}{grouped - listed:9.1f} CPU-s ({groups:,} groups)")
    print(f"{'peak memory':<34}{memory:9.2f} GiB")


def synthetic(root: str, settings: Settings):
    for number in range(REFERENCES):
        yield Reference(f"class{number % 1000:04d}/{number:012d}.jpg", f"/nowhere/{number}.jpg", 100_000, 0.0, "class")


def group(plan: plans.Plan) -> int:
    """The job's graph with the building of shards left out; returns the number of groups."""
    import apache_beam as beam

    from pipeline import beam_job

    pipeline = beam_job.local_pipeline(1, [])
    counter = beam.metrics.Metrics.counter("bench", "groups")
    beam_job.grouped_references(pipeline, plan) | beam.Map(lambda element: counter.inc())
    result = pipeline.run()
    result.wait_until_finish()
    return result.metrics().query()["counters"][0].committed


if __name__ == "__main__":
    main()
