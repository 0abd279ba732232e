"""What runners show of a job: counters of pictures, and how long they took."""

import apache_beam as beam
import pytest
from apache_beam.metrics import MetricsFilter

from tests.support.manifests import make_shard_report
from tintmill.pipeline.beam import job, metrics


def _tell(number: int) -> None:
    report = make_shard_report("train", number, records=5, rejected={"grey": 1, "not_a_picture": number})
    metrics.count_pictures(report)
    metrics.record_time("decode", 0.020 * (number + 1), 10)


@pytest.mark.slow
def test_a_runner_gets_counters_and_distributions():
    with job.local_pipeline(1, []) as pipeline:
        pipeline | beam.Create([0, 1]) | beam.Map(_tell)
    found = pipeline.result.metrics().query(MetricsFilter().with_namespace("tintmill"))
    counters = {counter.key.metric.name: counter.committed for counter in found["counters"]}
    assert counters == {"pictures_kept": 10, "left_out_grey": 2, "left_out_not_a_picture": 1}
    (times,) = found["distributions"]
    assert times.key.metric.name == "decode_ms"
    assert (times.committed.count, times.committed.min, times.committed.max) == (2, 2, 4)
