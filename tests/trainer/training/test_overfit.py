"""One real picture learnt by heart: prepare, train, evaluate and their units fit each other, or this fails."""

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from tests.support import helpers

# Measured: 33.1 dB so; 32.9 to 33.5 after 400 steps with 1e-4, 3e-4 or 1e-3. Grey has 18.0 dB, the mean colour 20.3.
STEPS = ("--global_batch=1", "--steps=250", "--log_every=50", "--checkpoint_every=250", "--learning_rate=3e-4")


@pytest.mark.slow
def test_one_real_picture_is_learnt_to_30_db(tmp_path):
    photos, run = tmp_path / "photos", tmp_path / "run"
    photos.mkdir()
    Image.fromarray(data.astronaut()).save(photos / "astronaut.png")
    folder = helpers.prepare(photos, tmp_path / "data", *helpers.EMBEDDER, "--size=48", "--splits=train:1")
    done = helpers.tintmill("train", f"--data={folder}", f"--run={run}", *STEPS)
    assert done.returncode == 0, done.stderr
    done = helpers.tintmill("evaluate", f"--run={run}", f"--data={folder}", "--split=train")
    assert done.returncode == 0, done.stderr
    metrics = json.loads(Path(run, "evaluation", "train", "metrics.json").read_text())
    names = ("koalarization", "grey", "dataset mean", "truth through the encoding")
    trained, grey, mean, ceiling = ({row["row"]: row["psnr"] for row in metrics["rows"]}[name] for name in names)
    print(f"run {trained:.2f} dB, grey {grey:.2f}, mean colour {mean:.2f}, encoding {ceiling:.2f}")
    assert metrics["same_pictures_as_training"] is True
    assert 30 < trained < ceiling
    assert grey < mean < 22
