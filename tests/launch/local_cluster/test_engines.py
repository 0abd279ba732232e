"""Clusters on this machine, as far as they can be tested without Java: what is fetched, kept and ended."""

import sys
import zipfile

import pytest

from tests.support import helpers
from tintmill.launch.local_cluster import engines
from tintmill.launch.local_cluster.processes import answers, free_ports, processes
from tintmill.pipeline.common.errors import TintmillError

ENGINES = (engines.FLINK, engines.SPARK)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_without_java_a_cluster_is_one_clear_line(engine, tmp_path):
    done = helpers.tintmill("cluster", f"--engine={engine.name}", env={"PATH": str(tmp_path)}, cwd=helpers.ROOT)
    helpers.assert_one_line_error(done, "no java on PATH", "Java 17 and Maven")


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_every_jar_that_maven_fetches_is_pinned(engine):
    lines = (engines._HERE / f"{engine.name}.sha256").read_text().splitlines()
    pins = dict(reversed(line.split()) for line in lines)
    assert len(pins) == len(lines) > 100
    assert all(len(pin) == 64 for pin in pins.values())
    assert f"beam-runners-java-job-service-{engines.JAVA_BEAM}.jar" in pins


def test_a_jar_that_is_not_the_pinned_one_is_refused(tmp_path):
    (tmp_path / "a-1.0.jar").write_bytes(b"a")
    (tmp_path / "b-1.0.jar").write_bytes(b"b")
    lock = "\n".join(engines.lock_lines(tmp_path))
    engines.check_pinned(tmp_path, lock)
    (tmp_path / "b-1.0.jar").write_bytes(b"another")
    with pytest.raises(TintmillError, match=r"b-1\.0\.jar: its sha256 is .*make lock-engines"):
        engines.check_pinned(tmp_path, lock)
    (tmp_path / "b-1.0.jar").unlink()
    with pytest.raises(TintmillError, match=r"b-1\.0\.jar: its sha256 is None"):
        engines.check_pinned(tmp_path, lock)


def test_the_launcher_names_the_engine_s_jars_and_the_job_server_s_in_lines_that_java_reads(tmp_path):
    """At most 72 bytes a line, continued behind a space."""
    names = [f"job-server/beam-{number}-with-a-long-name-{engines.JAVA_BEAM}.jar" for number in range(9)]
    names.append("engine/deps/lib/flink-dist-1.0.jar")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    engines._write_launcher(engines.FLINK, tmp_path)
    text = zipfile.ZipFile(tmp_path / "job-server.jar").read("META-INF/MANIFEST.MF").decode()
    assert max(map(len, text.split("\r\n"))) <= 72
    values = dict(line.split(": ") for line in text.replace("\r\n ", "").splitlines() if line)
    assert values["Class-Path"].split() == names
    assert values["Main-Class"] == engines.FLINK.driver
    assert "java.base/java.lang" in values["Add-Opens"].split()


def test_of_a_class_in_two_jars_the_engine_s_own_stays(tmp_path, monkeypatch):
    """But of guava the newer one, which Beam's options need in the engine's processes too."""

    def copy(engine, folder, jars):
        jars.mkdir()
        for name in ("beam-2.0.jar", "jackson-2.15.jar", "guava-33.3.1-jre.jar"):
            (jars / name).touch()

    theirs = tmp_path / "engine" / "deps" / "jars"
    theirs.mkdir(parents=True)
    for name in ("jackson-2.14.jar", "guava-14.0.1.jar", "spark-core.jar"):
        (theirs / name).touch()
    monkeypatch.setattr(engines, "_copy_dependencies", copy)
    monkeypatch.setattr(engines, "check_pinned", lambda *_: None)
    engines._fetch_job_server(engines.SPARK, tmp_path)
    assert [path.name for path in (tmp_path / "job-server").iterdir()] == ["beam-2.0.jar"]
    assert {path.name for path in theirs.iterdir()} == {"jackson-2.14.jar", "guava-33.3.1-jre.jar", "spark-core.jar"}


def test_processes_end_with_their_children(tmp_path):
    """Those that ignore SIGTERM too."""
    stubborn = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    stubborn += "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)']); print('up', flush=True); "
    with processes(tmp_path) as group:
        first = group.start("first", [sys.executable, "-c", stubborn + "time.sleep(99)"])
        helpers.wait_until(lambda: "up" in group.log("first").read_text())
        assert len(helpers.processes_of_group(first.pid)) == 2
        group.kill("first")
        assert helpers.processes_of_group(first.pid) == []
        second = group.start(
            "second", [sys.executable, "-c", stubborn.replace("SIG_IGN", "SIG_DFL") + "time.sleep(99)"]
        )
        helpers.wait_until(lambda: "up" in group.log("second").read_text())
    assert helpers.processes_of_group(second.pid) == []


def test_a_process_that_does_not_start_is_told_with_its_last_words(tmp_path):
    with processes(tmp_path) as group:
        group.start("node", [sys.executable, "-c", "print('hello'); raise SystemExit('no memory')"])
        with pytest.raises(TintmillError, match=r"node did not start: no memory \(all of it in .*node\.log\)"):
            group.wait_until("node", lambda: False)


def test_a_free_port_does_not_answer():
    assert not any(answers(port) for port in free_ports(2))


def test_a_node_that_is_done_does_not_end_the_worker_of_another_one_of_the_same_name(tmp_path):
    """Nodes that share a pool each call their first worker 1-1."""
    from apache_beam.portability.api import beam_fn_api_pb2

    from tintmill.launch.local_cluster.worker_pool import SharedPool

    worker = tmp_path / "worker"
    worker.write_text("#!/bin/sh\nexec sleep 60\n")
    worker.chmod(0o755)
    pool = SharedPool(use_process=True, container_executable=str(worker))
    for _ in range(2):
        assert not pool.StartWorker(beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1"), None).error
    both = list(pool._worker_processes.values())
    pool.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1"), None)
    assert len(both) == 2
    assert [process.poll() for process in both] == [None, None]
    for process in both:
        process.kill()
        process.wait()
