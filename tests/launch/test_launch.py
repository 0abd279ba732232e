"""The launch command: what reaches the job file, and what is refused before one is written."""

import re

import pytest
import yaml

from tests.support.helpers import assert_one_line_error, tintmill
from tests.support.jobs import KUBERNETES, PREPARE, TRAIN
from tintmill.launch.launch import LaunchArguments, make_job_file
from tintmill.pipeline.common.errors import TintmillError, WrongFlagError
from tintmill.trainer import train


def written(*arguments) -> str:
    done = tintmill("launch", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


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
        (
            ("--target=vertex", "--image=x", "--project=p", "--region=europe-west4", "--", *TRAIN),
            ("--data=/shared", "/gcs/"),
        ),
    ],
)
def test_what_could_not_run_is_refused_with_one_line(arguments, parts):
    assert_one_line_error(tintmill("launch", *arguments), *parts, code=2)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((*TRAIN, "--network=unet"), "--network=unet: wanted one of koalarization"),
        ((*TRAIN, "--loss=lpips"), "--loss=lpips: wanted one of mse"),
        ((*TRAIN, "--hints=0.5"), "--network=tint takes no hints"),
        ((*TRAIN, "--class_weight=0.1"), "--network=tint does not classify"),
        ((*TRAIN, "--global_batch=0"), "--global_batch=0: wanted at least 1"),
        ((*TRAIN, "--network=jain", "--crop=32"), "--crop=32: --network=jain takes pictures of one size"),
        ((*TRAIN, "--checkpoint_every=7"), "--checkpoint_every=7: wanted a multiple of --log_every=10"),
        ((*TRAIN, "--folder_weights=faces"), "--folder_weights=faces: 'faces'; wanted FOLDER:WEIGHT"),
        ((*TRAIN, "--perceptual_network=vgg"), "--perceptual_network=vgg: wanted vgg16 or mobilenet_v2"),
        ((*PREPARE, "--name=My Set"), "--name: found 'My Set', wanted lower-case letters"),
        ((*PREPARE, "--size=4"), "--size: found 4, wanted 8 to 4096"),
        ((*PREPARE, "--splits=train:0.5"), "shares that sum to 1"),
        ((*PREPARE, "--limit_per_split=train"), "--limit_per_split=train: want split:number"),
        ((*PREPARE, "--embedder=none", "--embed_mirror"), "--embed_mirror: found True, wanted an --embedder"),
    ],
)
def test_a_value_that_the_command_would_refuse_gives_no_job_file(command, said):
    with pytest.raises(WrongFlagError, match=re.escape(said)):
        make_job_file(LaunchArguments(target="slurm", command=command))


@pytest.mark.parametrize(
    "command",
    [
        (*TRAIN, "--epochs=3", "--warmup_steps=2000", "--keep=best", "--patience=2"),  # the dataset decides the steps
        (*TRAIN, "--encoder_weights=/shared/of.weights.h5"),
        (*PREPARE, "--embedder_weights=/shared/of.weights.h5"),
        ("prepare", "--reuse_lab=/shared/data/mine/1.0.0", "--output=/shared/data", "--name=other"),
    ],
)
def test_what_only_the_workers_can_see_is_not_looked_for_here(command):
    assert "#SBATCH" in make_job_file(LaunchArguments(target="slurm", command=command))


GOOGLE = {"image": "x", "project": "p", "region": "europe-west4"}


def test_a_dataflow_script_runs_the_code_of_the_image_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = make_job_file(LaunchArguments(target="dataflow", **GOOGLE, bucket="bucket", command=PREPARE))
    assert "setup_file" not in text
    assert "extra_package" not in text


def test_a_dataflow_script_names_other_code_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tintmill-1-py3-none-any.whl").write_text("")
    (tmp_path / "setup.py").write_text("")
    for given, flag in (("package", "extra_package"), ("setup_file", "setup_file")):
        path = "setup.py" if given == "setup_file" else "tintmill-1-py3-none-any.whl"
        asked = LaunchArguments(target="dataflow", **GOOGLE, bucket="bucket", command=PREPARE, **{given: path})
        assert f"--{flag}={tmp_path / path} " in make_job_file(asked)


@pytest.mark.parametrize(
    ("target", "fields", "said"),
    [
        ("dataflow", {"setup_file": "nowhere.py"}, "--setup_file=nowhere.py: no such file"),
        ("dataflow", {"package": "nowhere.whl"}, "--package=nowhere.whl: no such file; `pip wheel"),
        ("dataflow", {"package": "setup.py"}, "--package=setup.py: wanted a wheel"),
        ("dataflow", {"package": "a.whl", "setup_file": "b"}, "leave one of them out"),
        ("dataflow", {"bucket": "gs://bucket"}, "--bucket=gs://bucket: wanted the name of a bucket alone"),
        ("dataflow", {"region": "europe-west4-a"}, "--region=europe-west4-a: no such region; is europe-west4 meant?"),
        ("dataflow", {"machine_type": "large"}, "--machine_type=large: wanted a machine of Google Cloud"),
        ("vertex", {"region": "mars"}, "--region=mars: no such region; wanted a region of Google Cloud"),
        ("vertex", {"gpus": 3}, "--gpus=3: of NVIDIA_TESLA_T4 a machine has 1, 2, 4"),
        ("vertex", {"gpus": 1, "gpu_type": "A100"}, "--gpu_type=A100: wanted one of NVIDIA_TESLA_T4"),
        ("vertex", {"gpus": 8, "gpu_type": "NVIDIA_H100_80GB"}, "give one of a3-highgpu-1g"),
        ("vertex", {"gpus": 1, "machine_type": "n1-standard-96"}, "at most 48 CPUs"),
        ("vertex", {"gpus": 4, "machine_type": "a3-highgpu-8g"}, "has 8 of NVIDIA_H100_80GB, give both"),
        ("vertex", {"machine_type": "a2-highgpu-1g"}, "has 1 of NVIDIA_TESLA_A100, give both"),
        ("slurm", {"time": "a day"}, "--time=a day: wanted MINUTES"),
    ],
)
def test_machines_and_places_that_do_not_exist_give_no_job_file(target, fields, said):
    command = ("train", "--data=gs://bucket/data", "--run=/gcs/bucket/run") if target == "vertex" else PREPARE
    google = {} if target == "slurm" else GOOGLE | ({"bucket": "bucket"} if target == "dataflow" else {})
    with pytest.raises(WrongFlagError, match=re.escape(said)):
        make_job_file(LaunchArguments(target=target, command=command, **google | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"gpus": 4},
        {"gpus": 8, "gpu_type": "NVIDIA_TESLA_V100", "machine_type": "n1-highmem-64"},
        {"gpus": 8, "gpu_type": "NVIDIA_H100_80GB", "machine_type": "a3-highgpu-8g"},
        {"gpus": 2, "gpu_type": "NVIDIA_L4", "machine_type": "g2-standard-24"},
        {"machine_type": "c3-standard-22"},
    ],
)
def test_machines_that_exist_give_a_job_file(fields):
    command = ("train", "--data=gs://bucket/data", "--run=/gcs/bucket/run")
    assert "workerPoolSpecs" in make_job_file(LaunchArguments(target="vertex", command=command, **GOOGLE | fields))


def test_a_program_gets_the_text_that_the_command_prints():
    arguments = LaunchArguments(target="slurm", gpus=8, workers=2, command=TRAIN)
    assert make_job_file(arguments) == written("--target=slurm", "--gpus=8", "--workers=2", "--", *TRAIN)


def test_a_program_is_refused_what_the_target_does_not_read():
    with pytest.raises(TintmillError, match=r"--image: not of --target=slurm, which has --workers"):
        make_job_file(LaunchArguments(target="slurm", image="registry/tintmill", command=tuple(TRAIN)))
    with pytest.raises(TintmillError, match=r"--workers=0: wanted at least 1"):
        LaunchArguments(target="slurm", workers=0, command=TRAIN)


def test_flags_that_the_command_was_run_with_before_are_forgotten():
    values = train.FLAGS
    values(["train", "--data=elsewhere", "--run=elsewhere", "--hints=0.5", "--network=glaze"])
    try:
        made = make_job_file(LaunchArguments(target="slurm", command=tuple(TRAIN)))
    finally:
        values.unparse_flags()
    assert "elsewhere" not in made
