"""The engines of local clusters: every jar that Maven fetches for them is pinned."""

import pytest

from tintmill.launch.local_cluster import engines, jars


@pytest.mark.parametrize("engine", [engines.FLINK, engines.SPARK], ids=lambda engine: engine.name)
def test_every_jar_that_maven_fetches_is_pinned(engine):
    lines = jars.pins_path(engine.name).read_text().splitlines()
    pins = dict(reversed(line.split()) for line in lines)
    assert len(pins) == len(lines) > 100
    assert all(len(pin) == 64 for pin in pins.values())
    assert f"beam-runners-java-job-service-{engines.JAVA_BEAM}.jar" in pins
