"""When a run directory may be begun, and when it may be gone on with."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.support.manifests import make_dataset, make_identity
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.identity import EmbedderIdentity
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.run.begin import RESUMABLE, begin_run, join_run
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings

EMBEDDER = make_identity()


def dataset_of(fingerprint: str = "a" * 64, embedder: EmbedderIdentity | None = None) -> Dataset:
    return make_dataset(fingerprint=fingerprint, embedder=embedder)


def folder_of(path: Path) -> RunFolder:
    return RunFolder(str(path))


def test_a_run_begins_with_its_settings_flags_and_dataset(tmp_path):
    run = tmp_path / "deep" / "run"
    begin_run(folder_of(run), TrainSettings(seed=7), dataset_of(), "--seed=7\n")
    assert json.loads((run / "settings.json").read_text())["seed"] == 7
    assert folder_of(run).read_settings() == dataclasses.asdict(TrainSettings(seed=7))
    assert (run / "flags.txt").read_text() == "--seed=7\n"
    assert folder_of(run).read_manifest() == dataset_of().manifest
    assert (run / "checkpoints").is_dir()


BASE = TrainSettings(validation_split="val")


def begun(run, embedder: EmbedderIdentity | None = None) -> RunFolder:
    """A run of default settings, validated, that has its first checkpoint."""
    begin_run(folder_of(run), BASE, dataset_of(embedder=embedder), "before")
    (run / "checkpoints" / "step-0000000100.npz").write_bytes(b"")
    return folder_of(run)


CHANGES = {
    "steps": 5000,
    "replicas": 2,
    "readers": 3,
    "log_every": 5,
    "checkpoint_every": 50,
    "keep_checkpoints": 9,
    "log_ids": True,
    "profile_step": 100,
    "profile_rows": 2,
}


def test_how_far_and_how_often_may_change(tmp_path):
    assert set(CHANGES) == set(RESUMABLE)
    run = begun(tmp_path / "run")
    begin_run(run, dataclasses.replace(BASE, **CHANGES), dataset_of(), "")
    assert run.read_settings()["steps"] == 5000


OTHERS = {
    "network": "other",
    "encoder_weights": "random",
    "init_from": "default",
    "encoder_rate": 0.1,
    "hints": 0.5,
    "global_size": 96,
    "folder_weights": "sea:2",
    "scale_jitter": 0.1,
    "wear": 0.5,
    "loss": "l1",
    "rebalance": 1.0,
    "class_weight": 0.1,
    "colourfulness_weight": 0.1,
    "perceptual_weight": 0.1,
    "perceptual_network": "mobilenet_v2",
    "perceptual_weights": "random",
    "adversarial_weight": 0.1,
    "split": "val",
    "global_batch": 33,
    "accumulate": 2,
    "optimizer": "adamw",
    "learning_rate": 2e-3,
    "schedule": "cosine",
    "warmup_steps": 5,
    "weight_decay": 0.1,
    "clip_norm": 1.0,
    "ema": 0.99,
    "seed": 1,
    "precision": "bfloat16",
    "jit_compile": True,
    "deterministic": False,
    "mirror": True,
    "crop": 32,
    "lightness_jitter": 0.1,
    "validation_split": "",
    "validate_every": 50,
    "validation_records": 7,
    "best_by": "psnr",
    "keep": "best",
    "patience": 3,
}


def test_every_setting_is_one_that_may_change_or_one_that_may_not():
    assert set(OTHERS) | set(CHANGES) == set(TrainSettings.__dataclass_fields__)


def test_the_processes_of_a_job_must_be_of_one_mind(tmp_path):
    """Unlike a later start, which may go on with other steps or replicas."""
    run = begun(tmp_path / "run")
    join_run(run, dataclasses.replace(BASE, readers=3), dataset_of())
    with pytest.raises(TintmillError, match="other settings: steps 1000 -> 5000; start all workers with the same"):
        join_run(run, dataclasses.replace(BASE, steps=5000), dataset_of())
    with pytest.raises(TintmillError, match=r"begun on dataset toy a.* --data is toy b"):
        join_run(run, BASE, dataset_of("b" * 64))


def test_a_schedule_that_ends_with_the_run_fixes_its_steps(tmp_path):
    """More steps would be another rate at every step."""
    run = folder_of(tmp_path / "run")
    begin_run(run, TrainSettings(schedule="cosine"), dataset_of(), "")
    Path(run.model_file).write_bytes(b"trained")
    with pytest.raises(TintmillError, match="begun with other settings: steps 1000 -> 2000"):
        begin_run(run, TrainSettings(schedule="cosine", steps=2000), dataset_of(), "")


@pytest.mark.parametrize("name", OTHERS)
def test_another_computation_is_refused_by_name_and_values(tmp_path, name):
    run = begun(tmp_path / "run")
    wanted = rf"begun with other settings: {name} {getattr(BASE, name)!r} -> {OTHERS[name]!r}; give"
    with pytest.raises(TintmillError, match=wanted):
        begin_run(run, dataclasses.replace(BASE, **{name: OTHERS[name]}), dataset_of(), "after")
    assert (tmp_path / "run" / "flags.txt").read_text() == "before"


LATER = ("encoder_rate", "hints", "folder_weights", "scale_jitter", "wear")


def without_later_settings(run: RunFolder) -> RunFolder:
    """The run as a version wrote it that did not know these settings."""
    known = {name: value for name, value in run.read_settings().items() if name not in LATER}
    Path(run.settings_file).write_text(json.dumps(known))
    return run


def test_a_run_of_an_older_version_goes_on(tmp_path):
    run = without_later_settings(begun(tmp_path / "run"))
    begin_run(run, BASE, dataset_of(), "")
    assert run.read_settings() == dataclasses.asdict(BASE)


def test_what_a_run_of_an_older_version_could_not_do_is_refused(tmp_path):
    run = without_later_settings(begun(tmp_path / "run"))
    with pytest.raises(TintmillError, match=r"other settings: wear 0.0 -> 0.5"):
        begin_run(run, dataclasses.replace(BASE, wear=0.5), dataset_of(), "")


def test_before_its_first_checkpoint_a_run_may_be_begun_anew(tmp_path):
    """A mistyped flag is put right in the same place; the dataset may be another one too."""
    begin_run(folder_of(tmp_path), TrainSettings(network="mistyped"), dataset_of(), "")
    begin_run(folder_of(tmp_path), TrainSettings(), dataset_of("b" * 64), "")
    assert folder_of(tmp_path).read_settings()["network"] == TrainSettings().network
    assert folder_of(tmp_path).read_manifest() == dataset_of("b" * 64).manifest


def test_a_finished_run_without_checkpoints_is_no_place_for_another(tmp_path):
    """Checkpoints deleted to save space: the trained network is still there."""
    begin_run(folder_of(tmp_path), TrainSettings(), dataset_of(), "")
    Path(folder_of(tmp_path).model_file).write_bytes(b"trained")
    with pytest.raises(TintmillError, match="begun with other settings: seed 0 -> 1"):
        begin_run(folder_of(tmp_path), TrainSettings(seed=1), dataset_of(), "")


def test_another_dataset_is_refused(tmp_path):
    run = begun(tmp_path / "run")
    with pytest.raises(TintmillError, match="was begun on dataset toy aaaaaaaaaaaa, --data is toy bbbbbbbbbbbb"):
        begin_run(run, BASE, dataset_of("b" * 64), "")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (make_identity(layer="pooled"), "the embedder's layer is 'pooled', wanted 'logits'"),
        (make_identity(weights_sha256="1"), "the embedder's weights_sha256 is '1'"),
        (make_identity(golden_vector=(1.0, 2.0, 4.0)), "golden vector is off"),
        (None, "has embedder None, .* was trained with mobilenet_v2"),
    ],
)
def test_a_dataset_of_another_embedder_is_refused_by_what_differs(tmp_path, other, message):
    run = begun(tmp_path / "run", EMBEDDER)
    with pytest.raises(TintmillError, match=message):
        begin_run(run, BASE, dataset_of("b" * 64, other), "")


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / ".tmp-draft").write_text("more of it")
    with pytest.raises(TintmillError, match=r"holds thesis\.tex, which no `tintmill train` began"):
        begin_run(folder_of(tmp_path), TrainSettings(), dataset_of(), "")
    assert (tmp_path / ".tmp-draft").read_text() == "more of it"
    assert not (tmp_path / "settings.json").exists()


def test_a_run_killed_while_it_began_can_begin_again(tmp_path):
    """What a kill in the middle of `begin_run` leaves is no foreign file, and is cleared away."""
    begin_run(folder_of(tmp_path), TrainSettings(), dataset_of(), "")
    (tmp_path / "settings.json").rename(tmp_path / ".tmp-0123")
    begin_run(folder_of(tmp_path), TrainSettings(seed=3), dataset_of(), "")
    assert folder_of(tmp_path).read_settings()["seed"] == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoints", "dataset.json", "flags.txt", "settings.json"]


def test_leftovers_of_a_killed_write_are_cleared_when_the_run_goes_on(tmp_path):
    begin_run(folder_of(tmp_path), TrainSettings(), dataset_of(), "")
    (tmp_path / "checkpoints" / ".tmp-0123").write_bytes(b"half a checkpoint")
    (tmp_path / ".tmp-model.keras").write_bytes(b"half a network")
    begin_run(folder_of(tmp_path), TrainSettings(), dataset_of(), "")
    assert not list((tmp_path / "checkpoints").iterdir())
    assert not (tmp_path / ".tmp-model.keras").exists()


def test_no_run_is_an_error_that_names_its_path_whatever_flag_or_argument_gave_it(tmp_path):
    with pytest.raises(TintmillError, match=rf"^{tmp_path}: no settings\.json in it; wanted a run directory"):
        folder_of(tmp_path).read_settings()
