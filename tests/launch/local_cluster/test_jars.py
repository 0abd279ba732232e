"""Jars: what is not pinned is refused, no class comes from two of them, and Java can read the launcher."""

import zipfile

import pytest

from tintmill.launch.local_cluster import engines, jars
from tintmill.pipeline.common.errors import TintmillError


def test_a_jar_that_is_not_the_pinned_one_is_refused(tmp_path):
    (tmp_path / "a-1.0.jar").write_bytes(b"a")
    (tmp_path / "b-1.0.jar").write_bytes(b"b")
    pins = "\n".join(jars.list_pins(tmp_path))
    jars.check_pinned(tmp_path, pins)
    (tmp_path / "b-1.0.jar").write_bytes(b"another")
    with pytest.raises(TintmillError, match=r"b-1\.0\.jar: its sha256 is .*make lock-engines"):
        jars.check_pinned(tmp_path, pins)
    (tmp_path / "b-1.0.jar").unlink()
    with pytest.raises(TintmillError, match=r"b-1\.0\.jar: its sha256 is None"):
        jars.check_pinned(tmp_path, pins)


def test_the_launcher_names_the_jars_in_lines_that_java_reads(tmp_path):
    """At most 72 bytes a line, continued behind a space."""
    names = [f"job-server/beam-{number}-with-a-long-name-2.62.0.jar" for number in range(9)]
    names.append("engine/deps/lib/flink-dist-1.0.jar")
    launcher, paths = tmp_path / "job-server.jar", [tmp_path / name for name in names]
    jars.write_launcher(launcher, engines.FLINK.driver, paths, engines.OPENED_PACKAGES)
    text = zipfile.ZipFile(launcher).read("META-INF/MANIFEST.MF").decode()
    assert max(map(len, text.split("\r\n"))) <= 72
    values = dict(line.split(": ") for line in text.replace("\r\n ", "").splitlines() if line)
    assert values["Class-Path"].split() == names
    assert values["Main-Class"] == engines.FLINK.driver
    assert "java.base/java.lang" in values["Add-Opens"].split()


def test_of_a_class_in_two_jars_the_engine_s_own_stays(tmp_path):
    """But of guava the newer one, which Beam's options need in the engine's processes too."""
    job_server, engine = tmp_path / "job-server", tmp_path / "engine"
    for folder in (job_server, engine):
        folder.mkdir()
    for name in ("beam-2.0.jar", "jackson-2.15.jar", "guava-33.3.1-jre.jar"):
        (job_server / name).touch()
    for name in ("jackson-2.14.jar", "guava-14.0.1.jar", "spark-core.jar"):
        (engine / name).touch()
    jars.drop_doubles(job_server, sorted(engine.iterdir()))
    assert [path.name for path in job_server.iterdir()] == ["beam-2.0.jar"]
    assert {path.name for path in engine.iterdir()} == {"jackson-2.14.jar", "guava-33.3.1-jre.jar", "spark-core.jar"}
