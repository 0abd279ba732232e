"""Job files for Kubernetes: pods that know one another, and what is started again."""

import json
import re

import pytest
import yaml

from tests.support.jobs import training
from tintmill.launch.jobs import kubernetes
from tintmill.launch.jobs.job import STOPPED, TERMINATED, Job
from tintmill.trainer.training import cluster


def pods_environment(job: Job, index: int) -> dict[str, str]:
    """What the kubelet makes of the container's `env` in the pod of this index."""
    document = list(yaml.safe_load_all(kubernetes.job_file(job)))[-1]
    found = {}
    for entry in document["spec"]["template"]["spec"]["containers"][0]["env"]:
        value = entry.get("value", str(index))
        found[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda match, known=dict(found): known[match[1]], value)
    return found


@pytest.mark.parametrize("index", range(3))
def test_each_pod_knows_all_pods_and_its_own_number(monkeypatch, index):
    monkeypatch.setenv("TF_CONFIG", pods_environment(training(workers=3), index)["TF_CONFIG"])
    assert cluster.read_environment() == cluster.Cluster(index, 3)
    hosts = json.loads(pods_environment(training(workers=3), index)["TF_CONFIG"])["cluster"]["worker"]
    assert hosts == [f"first-{number}.first:2222" for number in range(3)]


def test_the_pods_names_are_those_of_the_service():
    service, job = yaml.safe_load_all(kubernetes.job_file(training(workers=2)))
    template = job["spec"]["template"]
    assert template["spec"]["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert service["spec"]["publishNotReadyAddresses"]


def test_one_worker_is_no_cluster():
    documents = list(yaml.safe_load_all(kubernetes.job_file(training())))
    assert [document["kind"] for document in documents] == ["Job"]
    assert pods_environment(training(), 0) == {}


def test_a_stopped_worker_is_started_again_and_wrong_flags_are_not():
    job = yaml.safe_load(kubernetes.job_file(training()))
    rules = job["spec"]["podFailurePolicy"]["rules"]
    by_code = {code: rule["action"] for rule in rules for code in rule.get("onExitCodes", {}).get("values", [])}
    assert by_code == {2: "FailJob", STOPPED: "Ignore", TERMINATED: "Ignore"}
    assert f"--stopped_code={STOPPED}" in job["spec"]["template"]["spec"]["containers"][0]["args"]


def test_a_shared_folder_is_not_every_folder_that_begins_like_it():
    assert kubernetes.reaches(training(), "/shared")
    assert not kubernetes.reaches(training(), "/shared2/data")
