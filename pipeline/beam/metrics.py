"""What Flink's and Dataflow's own pages show of a job: Beam's counters and distributions, under `tintmill`.

Counters: `pictures_kept`, and `left_out_CODE` for each reason code. Distributions, in milliseconds a picture, of a
batch each: `decode_ms` (reading, decoding, resizing, Lab), `embed_ms`, `write_ms` (serialising, writing the shard).
"""

from apache_beam.metrics import Metrics

from tintmill.pipeline.dataset.shard_report import ShardReport

NAMESPACE = "tintmill"


def count_pictures(report: ShardReport) -> None:
    """Counts the pictures of a shard that is committed."""
    Metrics.counter(NAMESPACE, "pictures_kept").inc(report.records)
    for code, count in report.rejected.items():
        Metrics.counter(NAMESPACE, f"left_out_{code}").inc(count)


def record_time(step: str, seconds: float, pictures: int) -> None:
    """Takes note of how long a step of `build_shard` took for so many pictures."""
    Metrics.distribution(NAMESPACE, f"{step}_ms").update(round(1000 * seconds / pictures))
