"""Job files for Flink on Kubernetes: Python workers in each pod, and images that hold what Flink looks for."""

import re

import yaml

from tests.support.helpers import ROOT
from tests.support.jobs import preparing
from tintmill.launch.jobs import flink


def test_flink_has_a_python_worker_beside_each_task_manager_and_a_slot_for_each():
    deployment, submission = yaml.safe_load_all(flink.job_file(preparing(workers=3, cpus=4)))
    manager = deployment["spec"]["taskManager"]
    pool = manager["podTemplate"]["spec"]["containers"][1]
    assert manager["replicas"] == 3
    assert pool["image"] == "registry/tintmill"
    arguments = submission["spec"]["template"]["spec"]["containers"][0]["args"]
    assert {"--environment_type=EXTERNAL", "--environment_config=localhost:50000", "--parallelism=12"} <= {*arguments}
    assert f"--service_port={pool['ports'][0]['containerPort']}" in pool["command"]
    assert f"--flink_master={deployment['metadata']['name']}-rest:8081" in arguments


def test_the_images_copy_what_the_checkout_has_and_hold_the_jar_where_flink_looks():
    text = (ROOT / "launch/jobs/Containerfile").read_text()
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from=" not in line]
    built_from = {"setup.py", "README.md", "LICENSE", "pipeline", "model", "trainer", "launch"}
    assert {name for names in copied for name in names} == {"requirements/product.lock"} | built_from
    assert all((ROOT / name).exists() for names in copied for name in names)
    assert flink.JOB_SERVER in text
    assert f"beam_flink{flink.FLINK}_job_server:{_locked('apache-beam')}" in text
    assert f"beam_python3.11_sdk:{_locked('apache-beam')}" in text


def _locked(package: str) -> str:
    return re.search(rf"^{package}==(\S+)", (ROOT / "requirements/product.lock").read_text(), re.MULTILINE)[1]
