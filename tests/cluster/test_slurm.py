"""The batch script under Slurm itself: a controller and two nodes of it on this machine, two tasks of training.

Wanted on PATH: slurmctld, slurmd, sbatch, srun, scontrol (Debian: slurmctld, slurmd, slurm-client), and to be root.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import helpers, training
from tintmill.launch.local_cluster.processes import free_ports

pytestmark = pytest.mark.cluster

_PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
if any(not shutil.which(program) for program in _PROGRAMS) or os.geteuid() != 0:
    pytest.skip("wanted Slurm's programs, and to be root", allow_module_level=True)

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=30
NodeName=w1,w2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]},{ports[2]} CPUs={cpus} RealMemory=8192
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """A cluster of two nodes, both this machine. `folder`: where it keeps everything; jobs are submitted in it."""

    def __init__(self, folder: Path):
        self.folder = folder

    @contextlib.contextmanager
    def running(self):
        (self.folder / "state").mkdir()
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=socket.gethostname(), ports=free_ports(3), folder=self.folder, cpus=os.cpu_count()
            )
        )
        for node in ("w1", "w2"):
            (self.folder / node).mkdir()
        daemons = [["slurmctld", "-D"], ["slurmd", "-D", "-N", "w1"], ["slurmd", "-D", "-N", "w2"]]
        started = [subprocess.Popen(line, env=self._environment, stderr=subprocess.DEVNULL) for line in daemons]
        try:
            self.wait(lambda: self("sinfo", "-h", "-o", "%D %t") == "2 idle")
            yield self
        finally:
            self("scancel", "--user=root")
            self.wait(lambda: not self("squeue", "-h"))
            for daemon in reversed(started):
                daemon.send_signal(signal.SIGTERM)
                daemon.wait(30)

    @property
    def _environment(self) -> dict:
        """A configuration of our own, and the tests' modules for the tasks."""
        return os.environ | {"SLURM_CONF": f"{self.folder}/slurm.conf", "PYTHONPATH": str(helpers.ROOT)}

    def __call__(self, *line: str) -> str:
        """What a command prints; nothing where it fails."""
        done = subprocess.run(line, env=self._environment, cwd=self.folder, text=True, capture_output=True, check=False)
        return done.stdout.strip()

    def submit(self, script: str) -> str:
        """Submits a batch script; returns the job's number."""
        (self.folder / "job.sh").write_text(script)
        number = self("sbatch", "--parsable", "job.sh")
        assert number
        return number

    def state(self, job: str) -> str:
        return self("squeue", "-h", "-o", "%T", "-j", job)

    def exit_code(self, job: str) -> str:
        """`code:signal` of the batch script, by the controller."""
        return self("scontrol", "show", "job", job).partition("ExitCode=")[2].split()[0]

    def log(self, job: str) -> str:
        return "".join(path.read_text() for path in self.folder.glob(f"*-{job}.log"))

    def wait_while_running(self, job: str, reached) -> None:
        def reached_or_ended() -> bool:
            return reached() or self.state(job) not in ("PENDING", "CONFIGURING", "RUNNING")

        self.wait(reached_or_ended)
        assert reached(), self.log(job)

    @staticmethod
    def wait(reached, seconds: int = helpers.TIMEOUT) -> None:
        end = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < end, "not reached in time"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with Slurm(tmp_path_factory.mktemp("slurm")).running() as cluster:
        yield cluster


@pytest.fixture
def tintmill_with_toys(tmp_path) -> Path:
    """The command as nodes would have it; it knows the toy networks."""
    path = tmp_path / "tintmill"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.support.toy_networks "$@"\n')
    path.chmod(0o755)
    return path


def script(program: Path, *command: str, workers: int = 2) -> str:
    few = ["--target=slurm", f"--workers={workers}", "--cpus=1", "--memory=2", f"--tintmill={program}"]
    done = helpers.tintmill("launch", *few, "--", *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def train_script(program: Path, data: Path, run: Path, steps: int) -> str:
    """Two workers of one CPU. `toy_norm` is unknown to the product, not to the program; flags know any network."""
    line = training.flags(data, run, "toy_norm", f"--steps={steps}", "--log_every=1", "--checkpoint_every=5")
    return script(program, "train", *line, "--global_batch=12")


def test_stopped_training_goes_back_into_the_queue_and_goes_on(slurm, plain_dataset, runs, tintmill_with_toys):
    """SIGTERM to the tasks, as --signal sends it before the time limit; then the job ends as if undisturbed."""
    run, steps = runs / "stopped", 60
    job = slurm.submit(train_script(tintmill_with_toys, plain_dataset, run, steps))
    slurm.wait_while_running(job, lambda: run.exists() and training.logged_step(run) >= 2)
    slurm("scancel", "--signal=TERM", job)
    slurm.wait(lambda: slurm.state(job) == "PENDING")
    at = training.checkpoint_steps(run)[-1]
    assert at < steps
    assert not (run / "model.keras").exists()
    slurm("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm lets two minutes pass
    slurm.wait(lambda: slurm.state(job) in ("", "COMPLETED"))
    said = slurm.log(job)
    assert "of worker 1 of 2" in said, said
    assert f"resumed at step {at}" in said
    assert slurm.exit_code(job) == "0:0", said
    assert (run / "model.keras").exists()
    assert training.logged_step(run) == steps


def test_a_cancelled_job_does_not_come_back(slurm, plain_dataset, runs, tintmill_with_toys):
    run = runs / "cancelled"
    job = slurm.submit(train_script(tintmill_with_toys, plain_dataset, run, 100_000))
    slurm.wait_while_running(job, lambda: run.exists() and training.logged_step(run) >= 2)
    slurm("scancel", job)
    slurm.wait(lambda: slurm.state(job) not in ("RUNNING", "COMPLETING"))
    assert "back into the queue" not in slurm.log(job)
    assert "JobState=CANCELLED" in slurm("scontrol", "show", "job", job)


def test_prepare_is_one_task_with_the_jobs_cpus(slurm, photos, tmp_path, tintmill_with_toys):
    flags = helpers.prepare_flags(photos, tmp_path / "data")
    job = slurm.submit(script(tintmill_with_toys, "prepare", *flags, workers=1))
    slurm.wait(lambda: slurm.state(job) in ("", "COMPLETED"))
    assert slurm.exit_code(job) == "0:0", slurm.log(job)
    assert (tmp_path / "data/toy/1.0.0/dataset_info.json").exists()


def test_a_failed_job_stays_failed(slurm, tmp_path, tintmill_with_toys):
    job = slurm.submit(train_script(tintmill_with_toys, tmp_path / "nowhere", tmp_path / "run", 5))
    slurm.wait(lambda: slurm.state(job) in ("", "FAILED"))
    assert slurm.exit_code(job) == "1:0"
    assert "JobState=FAILED" in slurm("scontrol", "show", "job", job)
