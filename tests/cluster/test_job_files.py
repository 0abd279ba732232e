"""Job files against the schemas of those who would read them: Kubernetes, the Flink operator, Vertex AI, a shell.

Slurm has its own programs (`test_slurm`), Dataflow Beam's own code (`test_dataflow`).
"""

import copy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tintmill.launch.jobs import dataflow, flink, kubernetes, slurm, vertex
from tintmill.launch.jobs.job import Job

pytestmark = pytest.mark.cluster
jsonschema = pytest.importorskip("jsonschema", reason="wanted the environment of `make .venv-cluster/done`")

OPERATOR = "1.10.0"
KUBERNETES = ("1.31", "1.37")  # the first that has all fields without a feature gate, and the newest
TRAIN = Job("train", ("--data=/shared/d", "--run=/shared/r"), "first", image="i", claim="disk", workers=3, gpus=4)
PREPARE = Job("prepare", ("--input=gs://b/i", "--output=gs://b/o"), "mine", image="i", workers=3, service_account="me")
KUBERNETES_FILES = {
    "train": kubernetes.job_file(TRAIN),
    "train-alone": kubernetes.job_file(Job("train", ("--data=gs://b/d",), "alone", image="i")),
    "prepare": kubernetes.job_file(PREPARE),
    "flink": flink.job_file(PREPARE),
}


def documents(name: str) -> list[dict]:
    return list(yaml.safe_load_all(KUBERNETES_FILES[name]))


def check_kubernetes(document: dict, version: str) -> None:
    import kubernetes_validate

    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", KUBERNETES_FILES)
def test_kubernetes_schemas_know_every_field(name, version):
    for document in documents(name):
        if document["kind"] != "FlinkDeployment":
            check_kubernetes(document, version)


def test_kubernetes_schemas_refuse_a_misspelt_field():
    job = documents("train")[-1]
    job["spec"]["backofLimit"] = job["spec"].pop("backoffLimit")
    with pytest.raises(jsonschema.ValidationError, match="backofLimit"):
        check_kubernetes(job, KUBERNETES[0])


@pytest.fixture(scope="module")
def flink_schema(tmp_path_factory) -> dict:
    """The FlinkDeployment's, from the operator's own jar, closed: what it does not know is an error."""
    if not shutil.which("mvn"):
        pytest.skip("wanted mvn, to fetch the Flink Kubernetes Operator's definitions")
    folder = tmp_path_factory.mktemp("operator")
    name = "flink-kubernetes-operator-api"
    artefact = f"-Dartifact=org.apache.flink:{name}:{OPERATOR}"
    copied = ["mvn", "--quiet", "dependency:copy", artefact, f"-DoutputDirectory={folder}"]
    subprocess.run(copied, check=True, timeout=300, cwd=folder)
    with zipfile.ZipFile(folder / f"{name}-{OPERATOR}.jar") as jar:
        definition = yaml.safe_load(jar.read("META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"))
    (version,) = [found for found in definition["spec"]["versions"] if found["name"] == "v1beta1"]
    return closed(version["schema"]["openAPIV3Schema"])


def closed(schema):
    """`schema` with no further properties wherever it lists some; Kubernetes itself would drop them in silence."""
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema:
        inner["properties"] = {name: closed(value) for name, value in schema["properties"].items()}
        inner.setdefault("additionalProperties", False)
    return inner


def without_metadata(deployment: dict) -> dict:
    """The definition leaves metadata open (`type: object`, as for every kind); its own fields are checked elsewhere."""
    return {key: value for key, value in deployment.items() if key not in ("apiVersion", "kind", "metadata")}


def test_the_operators_definition_knows_every_field(flink_schema):
    deployment = documents("flink")[0]
    assert deployment["apiVersion"] == "flink.apache.org/v1beta1"
    jsonschema.validate(without_metadata(deployment), flink_schema)


def test_the_operators_definition_refuses_a_misspelt_field_and_a_version_it_does_not_know(flink_schema):
    for path, value in ((("taskManager", "replcas"), 3), (("flinkVersion",), "v1_99")):
        wrong = copy.deepcopy(documents("flink")[0])
        place = wrong["spec"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(without_metadata(wrong), flink_schema)


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_task_managers_pod_is_a_pod(version):
    template = documents("flink")[0]["spec"]["taskManager"]["podTemplate"]
    check_kubernetes({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, **template}, version)


def custom_job(job: Job):
    from google.cloud.aiplatform_v1.types import CustomJobSpec
    from google.protobuf import json_format

    return json_format.ParseDict(yaml.safe_load(vertex.job_file(job)), CustomJobSpec.pb()())


def test_vertex_knows_every_field_and_name():
    from google.cloud.aiplatform_v1.types import AcceleratorType

    spec = custom_job(Job("train", ("--data=gs://b/d",), "x", image="i", workers=3, gpus=8, service_account="me"))
    assert [pool.replica_count for pool in spec.worker_pool_specs] == [1, 2]
    for pool in spec.worker_pool_specs:
        assert pool.machine_spec.accelerator_type == AcceleratorType.NVIDIA_TESLA_T4
        assert pool.machine_spec.accelerator_count == 8
    assert spec.scheduling.restart_job_on_worker_restart
    assert custom_job(Job("train", (), "x", image="i")).worker_pool_specs[0].machine_spec.accelerator_count == 0


def test_vertex_refuses_a_gpu_it_does_not_know():
    from google.protobuf.json_format import ParseError

    with pytest.raises(ParseError, match="NVIDIA_T1000"):
        custom_job(Job("train", (), "x", image="i", gpus=1, gpu_type="NVIDIA_T1000"))


SCRIPTS = {
    "slurm-train": slurm.job_file(TRAIN),
    "slurm-train-alone": slurm.job_file(Job("train", ("--data=/d",), "alone", time="1:00:00", partition="gpu")),
    "slurm-prepare": slurm.job_file(Job("prepare", ("--input=/my photos",), "mine", account="us")),
    "dataflow": dataflow.job_file(PREPARE),
}


def shellcheck(script: str) -> subprocess.CompletedProcess:
    program = Path(sys.executable).with_name("shellcheck")
    return subprocess.run([program, "-"], input=script, text=True, capture_output=True, check=False)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_shell_script_has_nothing_that_shellcheck_names(name):
    checked = shellcheck(SCRIPTS[name])
    assert checked.returncode == 0, checked.stdout


def test_shellcheck_refuses_an_unquoted_name():
    assert "SC2086" in shellcheck(SCRIPTS["slurm-train"].replace('"$SLURM_JOB_ID"', "$SLURM_JOB_ID")).stdout
