"""What is refused before a job is handed to a cluster: each in one line, at once."""

import socket

import pytest

from tests.support import helpers
from tintmill.launch.local_cluster.processes import free_ports
from tintmill.pipeline.beam import checks
from tintmill.pipeline.common.errors import TintmillError

OURS = ("size", "embedder_weights", "drop_grey")


def test_a_cluster_that_does_not_answer_is_refused_at_once():
    [port] = free_ports(1)
    with pytest.raises(TintmillError, match=f"=localhost:{port}: nothing answers there .*is the cluster up"):
        checks.check("PortableRunner", [f"--job_endpoint=localhost:{port}"], OURS)


@pytest.mark.parametrize("name", ["--flink_master={}", "--flink_master=http://{}", "--spark_master_url=spark://{}"])
def test_a_cluster_that_answers_is_taken(name):
    with socket.create_server(("localhost", 0)) as server:
        checks.check("PortableRunner", [name.format(f"localhost:{server.getsockname()[1]}")], OURS)


def test_an_address_without_a_port_is_refused():
    with pytest.raises(TintmillError, match="--spark_master_url=spark://localhost: wanted HOST:PORT"):
        checks.check("PortableRunner", ["--spark_master_url=spark://localhost"], OURS)


@pytest.mark.parametrize(
    "flags", [[], ["--flink_master=[auto]"], ["--spark_master_url=local[4]"], ["--job_endpoint=embed"]]
)
def test_names_for_a_cluster_begun_here_are_no_addresses(flags):
    checks.check("PortableRunner", flags, OURS)


@pytest.mark.parametrize(
    ("flag", "meant"),
    [("--sise=64", "size"), ("--embeder_weights=x", "embedder_weights"), ("--nodrop_gray", "drop_grey")],
)
def test_a_misspelt_flag_of_ours_is_refused_on_clusters_too(flag, meant):
    with pytest.raises(TintmillError, match=f"{flag}: no flag of .*is --{meant} meant"):
        checks.check("PortableRunner", [flag], OURS)


def test_a_flag_that_only_a_job_server_knows_is_passed_on():
    checks.check("PortableRunner", ["--object_reuse"], OURS)


@pytest.mark.parametrize("runner", ["flink", "SparkRunner"])
def test_a_missing_java_is_one_clear_line(runner, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TintmillError, match=f"--runner={runner}: no java on PATH.*install a Java 17 runtime"):
        checks.check(runner, [], OURS)


def test_prepare_asks_before_it_lists_a_picture(tmp_path):
    more = ("--runner=flink", "--flink_master=localhost:1")
    done = helpers.tintmill("prepare", *helpers.prepare_flags(tmp_path / "nothing", tmp_path / "out", *more))
    helpers.assert_one_line_error(done, "--flink_master=localhost:1: nothing answers there")
    assert not (tmp_path / "out").exists()
