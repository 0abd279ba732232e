"""The launch command: what reaches the job file, and what is refused before one is written."""

import pytest
import yaml

from tests.support.helpers import ROOT, assert_one_line_error, tintmill
from tests.support.jobs import KUBERNETES, PREPARE, TRAIN
from tintmill.launch.launch import LaunchArguments, make_job_file
from tintmill.pipeline.common.errors import TintmillError


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


def test_a_program_gets_the_text_that_the_command_prints():
    arguments = LaunchArguments(target="slurm", gpus=8, workers=2, command=TRAIN)
    assert make_job_file(arguments) == written("--target=slurm", "--gpus=8", "--workers=2", "--", *TRAIN)


def test_a_program_is_refused_what_the_target_does_not_read():
    with pytest.raises(TintmillError, match=r"--image: not of --target=slurm, which has --workers"):
        make_job_file(LaunchArguments(target="slurm", image="registry/tintmill", command=TRAIN))
    with pytest.raises(TintmillError, match=r"--workers=0: wanted at least 1"):
        LaunchArguments(target="slurm", workers=0, command=TRAIN)
