"""Shared by the tests of training: runs in processes of their own, what they leave behind, and stopping them.

One process can hold one number of replicas only, so every training is a process.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.support import helpers, warm_processes
from tintmill.launch.local_cluster.processes import free_ports

ROOT = helpers.ROOT


def command_line(*flags) -> list[str]:
    """`tintmill train` of a program that also knows the toy networks."""
    return [sys.executable, "-m", "tests.support.toy_networks", "train", *map(str, flags)]


def flags(data, run, network: str = "toy_dropout", *more) -> list[str]:
    """Flags of a small training on `data`."""
    small = [
        "--global_batch=6",
        "--log_every=5",
        "--checkpoint_every=10",
        "--keep_checkpoints=2",
        "--log_ids",
        "--validate_every=0",
    ]
    return [f"--data={data}", f"--run={run}", f"--network={network}", *small, *map(str, more)]


def train(*arguments) -> subprocess.CompletedProcess:
    """Runs a training, of `flags`' arguments, to its end."""
    return warm_processes.run(command_line(*flags(*arguments)), helpers.TIMEOUT, text=True, cwd=ROOT)


def refused(*arguments) -> subprocess.CompletedProcess:
    """Runs a training that ends before it needs a network; quicker, as TensorFlow is not imported."""
    line = helpers.command_line("train", *flags(*arguments))
    return subprocess.run(line, capture_output=True, text=True, timeout=helpers.TIMEOUT, check=False)


def trained(*arguments) -> Path:
    """Runs a training, which must succeed; returns its run directory."""
    done = train(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(arguments[1])
    return Path(arguments[1])


def export(run: Path, name: str, output: Path, *flags) -> subprocess.CompletedProcess:
    """Runs `tintmill export` of a run to its end; `name` is the format's."""
    return helpers.tintmill("export", f"--run={run}", f"--format={name}", f"--output={output}", *flags)


def start(*arguments) -> subprocess.Popen:
    """Starts a training as a process group; stderr goes to RUN.log."""
    with open(f"{arguments[1]}.log", "a") as log:
        line = command_line(*flags(*arguments))
        return warm_processes.popen(line, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)


def start_workers(count: int, *arguments, replicas: int = 1) -> list[subprocess.Popen]:
    """Starts a training of `count` processes over loopback, of `replicas` virtual devices each; the first is chief.

    What worker i prints goes to RUN.log0, RUN.log1, ...
    """
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(count)]}
    line = [
        sys.executable,
        "-m",
        "tests.support.virtual_workers",
        "train",
        *flags(*arguments),
        f"--replicas={replicas}",
    ]
    workers = []
    for index in range(count):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        with open(f"{arguments[1]}.log{index}", "a") as log:
            workers.append(
                warm_processes.popen(
                    line,
                    stdout=log,
                    stderr=log,
                    cwd=ROOT,
                    env=os.environ | {"TF_CONFIG": config},
                    start_new_session=True,
                )
            )
    return workers


def trained_by_workers(count: int, *arguments, replicas: int = 1) -> Path:
    """Runs a training of several processes, which must succeed; returns its run directory."""
    workers = start_workers(count, *arguments, replicas=replicas)
    for index, worker in enumerate(workers):
        assert worker.wait(helpers.TIMEOUT) == 0, Path(f"{arguments[1]}.log{index}").read_text()
    return Path(arguments[1])


def checkpoint_steps(run: Path) -> list[int]:
    return sorted(int(path.stem.split("-")[1]) for path in Path(run, "checkpoints").glob("step-*.npz"))


def checkpoint_arrays(run: Path, step: int | None = None) -> dict[str, np.ndarray]:
    """The variables of a checkpoint (by default the newest) by their path in the model."""
    step = checkpoint_steps(run)[-1] if step is None else step
    with np.load(Path(run, "checkpoints", f"step-{step:010d}.npz")) as stored:
        meta = json.loads(stored["meta"].tobytes())
        assert meta["step"] == step
        return {f"{i} {path}": stored[f"v{i:05d}"] for i, (path, _, _) in enumerate(meta["variables"])}


def assert_same_checkpoint(run: Path, other: Path) -> None:
    """The newest checkpoints of two runs are of one step and equal to the bit."""
    assert checkpoint_steps(run)[-1] == checkpoint_steps(other)[-1]
    arrays, others = checkpoint_arrays(run), checkpoint_arrays(other)
    assert list(arrays) == list(others)
    different = [name for name in arrays if arrays[name].tobytes() != others[name].tobytes()]
    assert not different, different


def metrics(run: Path) -> list[tuple]:
    """The rows of metrics.csv without the one column that time decides: (step, epoch, loss), as text."""
    path = Path(run, "metrics.csv")
    if not path.exists():
        return []
    with open(path) as f:
        rows = list(csv.DictReader(f))
    return [(row["step"], row["epoch"], row["loss"]) for row in rows if row["pictures_per_second"]]


def losses(run: Path) -> np.ndarray:
    return np.array([float(loss) for _, _, loss in metrics(run)])


def logged_ids(run: Path) -> list[tuple[int, list[str]]]:
    """(step, ids of its batch), in the order of the file."""
    lines = [json.loads(line) for line in Path(run, "ids.jsonl").read_text().splitlines()]
    return [(line["step"], line["ids"]) for line in lines]


def logged_step(run: Path) -> int:
    """The last whole row of a metrics.csv that is being written."""
    rows = metrics(run)
    return int(rows[-1][0]) if rows else 0


def writing_checkpoint(run: Path) -> bool:
    """A checkpoint is being written at this moment: its temporary file has some of its bytes."""
    folder = Path(run, "checkpoints")
    try:
        return any(entry.name.startswith(".tmp-") and entry.stat().st_size > 0 for entry in os.scandir(folder))
    except FileNotFoundError:
        return False  # no folder yet, or the file was renamed while we looked


def assert_equal_batches(found: list[dict], wanted: list[dict]) -> None:
    """As many batches, each with the same fields and the same numbers in them."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert set(one) == set(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
