"""starts.jsonl: on what the weights of a run were trained, and nothing of what was lost."""

import dataclasses
import sys
from types import SimpleNamespace

import pytest

from tests.support import run_folder
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run import starts
from tintmill.trainer.run.starts import Start


def start(step: int, processor: str) -> Start:
    return Start(**run_folder.START | {"step": step, "processor": processor})


def recorded(run, *of: Start) -> list[tuple[int, str]]:
    for each in of:
        starts.record(str(run / "starts.jsonl"), each)
    return [(each.step, each.processor) for each in starts.load(str(run / "starts.jsonl"))]


def test_a_run_that_moves_names_both_machines(tmp_path):
    assert recorded(tmp_path, start(0, "A"), start(20, "B")) == [(0, "A"), (20, "B")]


def test_going_on_where_it_was_is_no_news(tmp_path):
    assert recorded(tmp_path, start(0, "A"), start(20, "A"), start(40, "A")) == [(0, "A")]


def test_what_was_trained_and_lost_does_not_count(tmp_path):
    """B was killed before its first checkpoint, and then A went on from where B had begun."""
    assert recorded(tmp_path, start(0, "A"), start(20, "B"), start(20, "C")) == [(0, "A"), (20, "C")]
    assert recorded(tmp_path, start(20, "A")) == [(0, "A")]
    assert recorded(tmp_path, start(0, "B")) == [(0, "B")]


def test_a_run_of_an_older_version_has_none(tmp_path):
    assert starts.load(str(tmp_path / "starts.jsonl")) == []


@pytest.mark.parametrize("text", ["{", '{"step": 0}', "[]", '{"step": 0, "unheard_of": 1}'])
def test_a_damaged_file_is_one_line(tmp_path, text):
    (tmp_path / "starts.jsonl").write_text(text + "\n")
    with pytest.raises(TintmillError, match=r"starts.jsonl is damaged .*; delete it"):
        starts.load(str(tmp_path / "starts.jsonl"))


def test_it_describes_this_machine(tmp_path):
    strategy = SimpleNamespace(
        extended=SimpleNamespace(worker_devices=["/job:worker/replica:0/task:1/device:CPU:0"]), num_replicas_in_sync=3
    )
    found = starts.describe(strategy, 10)
    assert (found.step, found.devices, found.workers) == (10, ["CPU:0"], 3)
    assert found.cores >= 1
    assert found.memory_gib > 0
    assert found.processor
    assert found.versions["python"] == sys.version.split()[0]
    assert found.versions["keras"].count(".") == 2
    starts.record(str(tmp_path / "starts.jsonl"), found)
    assert starts.load(str(tmp_path / "starts.jsonl")) == [dataclasses.replace(found)]


def test_a_gpu_is_named_as_its_maker_does(monkeypatch):
    """No GPU is needed: TensorFlow is asked for the one of that number."""
    known = SimpleNamespace(get_device_details=lambda device: {"device_name": f"Maker's {device}"})
    config = SimpleNamespace(list_physical_devices=lambda kind: [f"{kind} A", f"{kind} B"], experimental=known)
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))
    strategy = SimpleNamespace(
        extended=SimpleNamespace(worker_devices=["/job:localhost/replica:0/task:0/device:GPU:1"]),
        num_replicas_in_sync=1,
    )
    assert starts.describe(strategy, 0).devices == ["GPU:1 Maker's GPU B"]
