"""The cluster command, as far as it can be tested without Java."""

import pytest

from tests.support import helpers
from tintmill.launch.local_cluster.clusters import CLUSTERS


@pytest.mark.parametrize("engine", CLUSTERS)
def test_without_java_a_cluster_is_one_clear_line(engine, tmp_path):
    done = helpers.tintmill("cluster", f"--engine={engine}", env={"PATH": str(tmp_path)}, cwd=helpers.ROOT)
    helpers.assert_one_line_error(done, "no java on PATH", "Java 17 and Maven")


def test_no_workers_are_a_wrong_flag():
    helpers.assert_one_line_error(helpers.tintmill("cluster", "--engine=flink", "--workers=0"), "--workers", code=2)
