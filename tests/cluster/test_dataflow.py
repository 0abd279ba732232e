"""Dataflow, as far as the request: the printed script is run, and Beam's own code says what it would send.

Not run: the service itself. See `dataflow_request` for what stands in the network's place.
"""

import json
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.helpers import NO_FILTERS, ROOT, TIMEOUT, tintmill

pytestmark = pytest.mark.cluster
pytest.importorskip("google.cloud.dataflow_v1beta3", reason="wanted the environment of `make .venv-cluster/done`")

IMAGE = "region-docker.example/project/tintmill:1"


def script(photos, output) -> list[str]:
    """The command that the job file for Dataflow runs; its --input and --output are then replaced by local ones."""
    target = [
        "--target=dataflow",
        "--name=first-try",
        "--workers=7",
        "--machine_type=n2-standard-4",
        f"--image={IMAGE}",
    ]
    google = ["--project=my-project", "--region=europe-west4", "--bucket=my-bucket", f"--setup_file={ROOT}/setup.py"]
    command = ["prepare", "--input=gs://my-bucket/photos", "--output=gs://my-bucket/data", "--name=mine", "--size=32"]
    text = tintmill("launch", *target, *google, "--", *command, "--embedder=none", *NO_FILTERS).stdout
    line = shlex.split(text.partition("exec ")[2].replace("\\\n", " "))
    return [*line[1:], f"--input={photos}", f"--output={output}"]


@pytest.fixture(scope="module")
def sent(photos, tmp_path_factory) -> SimpleNamespace:
    """`request`: what would go to the service; `staged`: the files that would go to the bucket, by name."""
    folder = tmp_path_factory.mktemp("dataflow")
    command = [*script(photos, folder / "data"), "--no_auth"]
    line = [sys.executable, "-m", "tests.cluster.dataflow_request", str(folder), *command]
    done = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    staged = {path.name: path for path in (folder / "staged").rglob("*") if path.is_file()}
    return SimpleNamespace(request=json.loads((folder / "request.json").read_text()), staged=staged, folder=folder)


def test_the_request_names_project_region_and_job(sent):
    assert sent.request["projectId"] == "my-project"
    assert sent.request["location"] == "europe-west4"
    assert sent.request["job"]["name"] == "first-try"
    assert sent.request["job"]["type"] == 1  # JOB_TYPE_BATCH


def test_the_workers_are_as_the_flags_say(sent):
    (pool,) = sent.request["job"]["environment"]["workerPools"]
    assert pool["machineType"] == "n2-standard-4"
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 7
    assert pool["numThreadsPerWorker"] == 1
    assert [image["containerImage"] for image in pool["sdkHarnessContainerImages"]] == [IMAGE]
    assert "use_runner_v2" in sent.request["job"]["environment"]["experiments"]


def test_what_is_staged_is_in_the_bucket_and_in_the_request(sent):
    (pool,) = sent.request["job"]["environment"]["workerPools"]
    packages = {package["name"]: package["location"] for package in pool["packages"]}
    assert set(packages) == {"workflow.tar.gz", "submission_environment_dependencies.txt"}
    assert set(packages) <= set(sent.staged)
    below = "storage.googleapis.com/my-bucket/tintmill/temp/first-try."
    assert all(location.startswith(below) for location in packages.values())


def test_the_pipeline_holds_our_steps_as_on_any_remote_runner(sent):
    from apache_beam.portability.api import beam_runner_api_pb2

    pipeline = beam_runner_api_pb2.Pipeline.FromString(sent.staged["pipeline.pb"].read_bytes())
    names = {transform.unique_name for transform in pipeline.components.transforms.values()}
    steps = {"Input", "ListReferences", "KeyByShard", "ShardKeys", "WithEveryShard", "GroupByShard", "BuildShard"}
    assert steps <= {name.split("/")[0] for name in names}
    (environment,) = pipeline.components.environments.values()
    assert IMAGE.encode() in environment.payload


def test_the_staged_package_is_all_that_a_worker_needs_of_ours(sent, tmp_path):
    """Every module of the checkout and the files that they read; installed alone, the pipeline's code is importable."""
    with tarfile.open(sent.staged["workflow.tar.gz"]) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    rooms = ("pipeline", "model", "trainer", "launch")
    kinds = ("*.py", "*.flags", "*.jinja", "Containerfile")
    needed = {str(p.relative_to(ROOT)) for room in rooms for kind in kinds for p in (ROOT / room).rglob(kind)}
    assert needed - packed == set()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, f"--target={tmp_path}", sent.staged["workflow.tar.gz"]], check=True, timeout=TIMEOUT)
    where = "import tintmill.pipeline.beam.job as job, tintmill.launch.jobs; print(job.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()).is_relative_to(tmp_path), found.stderr
