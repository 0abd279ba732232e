"""Job files for Vertex AI: a chief and further workers, and the TF_CONFIG that they get."""

import json

import pytest
import yaml

from tests.support.jobs import training
from tintmill.launch.jobs import vertex
from tintmill.trainer.training import cluster


@pytest.mark.parametrize(("workers", "pools"), [(1, [1]), (4, [1, 3])])
def test_vertex_has_one_chief_and_the_others(workers, pools):
    spec = yaml.safe_load(vertex.job_file(training(workers=workers, gpus=8, gpu_type="NVIDIA_H100_80GB")))
    assert [pool["replicaCount"] for pool in spec["workerPoolSpecs"]] == pools
    for pool in spec["workerPoolSpecs"]:
        assert pool["machineSpec"]["acceleratorCount"] == 8
        assert pool["containerSpec"]["args"][0] == "train"


@pytest.mark.parametrize(("kind", "index", "rank"), [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)])
def test_the_tf_config_of_vertex_is_understood(monkeypatch, kind, index, rank):
    """As its documentation prints it: more fields than TensorFlow wants."""
    tasks = {"chief": ["cmle-training-workerpool0-ab-0:2222"]}
    tasks["worker"] = [f"cmle-training-workerpool1-ab-{number}:2222" for number in range(2)]
    task = {"type": kind, "index": index, "trial": "", "cloud": "ab"}
    config = {"cluster": tasks, "environment": "cloud", "job": "{...}", "task": task}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert cluster.read_environment() == cluster.Cluster(rank, 3)
