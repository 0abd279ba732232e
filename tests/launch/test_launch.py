"""Job files: what they say, and what is refused before one is written. Their schemas are checked in tests/cluster."""

import json
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from tests.support.helpers import ROOT, TIMEOUT, assert_one_line_error, last_line, tintmill
from tintmill.launch import job_file
from tintmill.launch.jobs import dataflow, flink, kubernetes, slurm, vertex
from tintmill.launch.jobs.job import STOPPED, TERMINATED, Job
from tintmill.trainer.training import cluster

TRAIN = ("train", "--data=/shared/data/mine/1.0.0", "--run=/shared/runs/first", "--network=tint")
PREPARE = ("prepare", "--input=gs://b/photos", "--output=gs://b/data", "--name=mine", "--size=64")
KUBERNETES = ("--target=kubernetes", "--image=registry/tintmill", "--claim=disk")


def training(**fields) -> Job:
    return Job("train", TRAIN[1:], "first", image="registry/tintmill", claim="disk", **fields)


def preparing(**fields) -> Job:
    return Job("prepare", PREPARE[1:], "mine", image="registry/tintmill", **fields)


def written(*arguments) -> str:
    done = tintmill("launch", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("target", job_file.TARGETS)
def test_a_target_reads_fields_of_the_job_and_each_has_its_flag(target):
    module = __import__(f"tintmill.launch.jobs.{target}", fromlist=["FLAGS"])
    fields = set(Job.__dataclass_fields__) - {"command", "flags", "name"}
    assert set(module.NEEDS) <= set(module.FLAGS) <= fields
    assert fields <= set(job_file.FLAGS)


def test_the_command_line_is_in_the_file_as_it_was_given():
    containers = list(yaml.safe_load_all(written(*KUBERNETES, "--", *TRAIN)))
    arguments = containers[-1]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[0] == "train"
    assert arguments[-3:] == list(TRAIN[1:])


def test_flag_files_are_read_so_that_workers_need_none(tmp_path):
    (tmp_path / "mine.flags").write_text("--network=tint\n--seed=7\n")
    text = written(*KUBERNETES, "--", *TRAIN[:3], f"--flagfile={tmp_path}/mine.flags")
    assert "--seed=7" in text
    assert "flagfile" not in text


def test_output_writes_the_file_and_print_shows_it_too(tmp_path):
    shown = written("--target=slurm", "--", *TRAIN)
    path = tmp_path / "job.sh"
    assert written("--target=slurm", f"--output={path}", "--", *TRAIN) == ""
    assert path.read_text() == shown
    assert written("--target=slurm", f"--output={path}", "--print", "--", *TRAIN) == shown


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--target=slurm",), ("-- train FLAGS",)),
        (("--target=slurm", "--", "verify"), ("-- train FLAGS", "verify")),
        (("--target=slurm", "--", *TRAIN, "--netwrok=tint"), ("netwrok", "network")),
        ((*KUBERNETES, "--", *TRAIN, "--run=gs://bucket/run"), ("--run=gs://bucket/run", "a bucket is none")),
        (("--target=slurm", "--", *TRAIN, "--steps=many"), ("--steps", "many")),
        (("--target=slurm", "--", "train", "--run=x"), ("--data",)),
        (("--target=slurm", "--", *TRAIN, "now"), ("now",)),
        (("--target=slurm", "--", *TRAIN, "--flagfile=/nowhere"), ("/nowhere",)),
        (("--target=slurm", "--", *PREPARE, "--sise=64"), ("--sise=64",)),
        (("--target=slurm", "--", *PREPARE, "--runner=FlinkRunner"), ("--runner=FlinkRunner", "--target")),
        (("--target=slurm", "--image=x", "--", *TRAIN), ("--image", "slurm", "--partition")),
        (("--target=slurm", "--workers=2", "--", *PREPARE), ("--workers=2", "flink")),
        (("--target=slurm", "--name=My_Run", "--", *TRAIN), ("My_Run", "lower-case")),
        (("--target=flink", "--image=x", "--", *TRAIN), ("flink", "train")),
        (("--target=flink", "--", *PREPARE), ("--image",)),
        (("--target=kubernetes", "--image=x", "--", *TRAIN), ("--data=/shared/data/mine/1.0.0", "--claim")),
        ((*KUBERNETES, "--mount=/other", "--", *TRAIN), ("--data=/shared/data/mine/1.0.0", "--mount")),
        (("--target=vertex", "--image=x", "--project=p", "--region=r", "--", *TRAIN), ("--data=/shared", "/gcs/")),
    ],
)
def test_what_could_not_run_is_refused_with_one_line(arguments, parts):
    assert_one_line_error(tintmill("launch", *arguments), *parts)


def test_dataflow_wants_the_setup_file_of_a_checkout(tmp_path):
    google = ("--target=dataflow", "--image=x", "--project=p", "--region=r", "--bucket=b")
    assert_one_line_error(tintmill("launch", *google, "--setup_file=nowhere.py", "--", *PREPARE), "nowhere.py")
    assert f"--setup_file={ROOT}/setup.py" in written(*google, f"--setup_file={ROOT}/setup.py", "--", *PREPARE)
    assert "setup_file" not in written(*google, "--setup_file=", "--", *PREPARE)


def test_a_shared_folder_is_not_every_folder_that_begins_like_it():
    assert kubernetes.reaches(training(), "/shared")
    assert not kubernetes.reaches(training(), "/shared2/data")


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
    assert cluster.from_environment() == cluster.Cluster(index, 3)
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
    assert "HOSTS" not in slurm.job_file(training())


def test_a_stopped_worker_is_started_again_and_wrong_flags_are_not():
    job = yaml.safe_load(kubernetes.job_file(training()))
    rules = job["spec"]["podFailurePolicy"]["rules"]
    by_code = {code: rule["action"] for rule in rules for code in rule.get("onExitCodes", {}).get("values", [])}
    assert by_code == {2: "FailJob", STOPPED: "Ignore", TERMINATED: "Ignore"}
    assert f"--stopped_code={STOPPED}" in job["spec"]["template"]["spec"]["containers"][0]["args"]


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
    assert cluster.from_environment() == cluster.Cluster(rank, 3)


def test_a_dataflow_script_is_one_command_line_quoted():
    job = preparing(project="p", region="r", bucket="b", workers=9, setup_file="/my checkout/setup.py")
    text = dataflow.job_file(job)
    words = shlex.split(text.partition("exec ")[2].replace("\\\n", " "))
    assert words[:3] == ["tintmill", "prepare", "--runner=DataflowRunner"]
    assert {"--setup_file=/my checkout/setup.py", "--max_num_workers=9", "--temp_location=gs://b/tintmill/temp"} <= {
        *words
    }
    assert words[-4:] == list(PREPARE[1:])


def test_dataflow_without_beams_google_parts_says_what_to_install(tmp_path):
    """At once; Beam itself would look for credentials in the network first."""
    hide = "import sys; sys.modules['google.cloud.dataflow_v1beta3'] = None; from tintmill.launch import cli; "
    options = ["--runner=DataflowRunner", "--project=p", "--region=r", "--temp_location=gs://b/temp"]
    line = [sys.executable, "-c", f"{hide}sys.exit(cli.main(sys.argv[1:]))", *PREPARE, *options, "--embedder=none"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "tintmill[dataflow]" in last_line(done.stderr)


def test_the_images_copy_what_the_checkout_has_and_hold_the_jar_where_flink_looks():
    text = (ROOT / "launch/jobs/Containerfile").read_text()
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from=" not in line]
    assert {"setup.py", "requirements/product.lock", "pipeline", "model", "trainer", "launch"} == {
        n for c in copied for n in c
    }
    assert all((ROOT / name).exists() for names in copied for name in names)
    assert flink.JOB_SERVER in text
    assert f"beam_flink{flink.FLINK}_job_server:{_locked('apache-beam')}" in text
    assert f"beam_python3.11_sdk:{_locked('apache-beam')}" in text


def _locked(package: str) -> str:
    return re.search(rf"^{package}==(\S+)", (ROOT / "requirements/product.lock").read_text(), re.MULTILINE)[1]
