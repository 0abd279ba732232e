"""The experiment command: one experiment as a whole, and mistakes in one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.helpers import assert_one_line_error, tintmill


@pytest.mark.parametrize(("words", "got"), [(["nonesuch"], "nonesuch"), ([], "nothing"), (["losses", "celeba"], "los")])
def test_what_is_no_experiment_is_refused_with_the_list(words, got):
    refused = tintmill("experiment", "--input=photos", *words)
    assert_one_line_error(refused, "wanted one of networks, losses", f"got {got}")


def test_a_run_that_the_experiment_does_not_have_is_refused_before_anything_is_made(tmp_path):
    refused = tintmill("experiment", "networks", "--input=photos", f"--output={tmp_path}/out", "--only=nonesuch")
    assert_one_line_error(refused, "--only=nonesuch: wanted of koalarization")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_experiment_prepares_trains_scores_and_reports(tmp_path):
    """And a second time finds all of it done."""
    folder = tmp_path / "in" / "Linnaeus 5 32X32"
    random = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 4)):
        for i in range(count):
            path = folder / split / "flower" / f"{i + 1}_32.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(
                path.with_suffix(".jpg"), quality=95
            )
    flags = (f"--input={tmp_path}/in", f"--output={tmp_path}/out", "--size=16", "--steps=2", "--global_batch=4")
    done = tintmill("experiment", "linnaeus_flower", *flags)
    assert done.returncode == 0, done.stderr
    root = Path(tmp_path, "out", "linnaeus_flower")
    table = (root / "table.md").read_text()
    assert "4 pictures of `test` at 16x16, 2 steps" in table
    assert "scaled down by --size=16" in table
    assert {"jain", "*grey*", "*dataset mean*"} <= {
        line.split(" | ")[0][2:] for line in table.splitlines() if "|" in line
    }
    assert (root / "runs" / "jain-0" / "report.html").exists()
    again = tintmill("experiment", "linnaeus_flower", *flags)
    assert "$ tintmill train" not in again.stdout
    assert (root / "table.md").read_text() == table
