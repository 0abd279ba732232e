"""What is read out of metrics.csv, and drawn."""

import base64
import html
from xml.etree import ElementTree

import pytest

from tests.support import run_folder
from tintmill.trainer.reporting import curves, drawing
from tintmill.trainer.run.folder import RunFolder

HEADER = "step,epoch,loss,pictures_per_second,waiting\n"


def test_the_share_waiting_is_of_the_time_and_not_of_the_rows(tmp_path):
    """The first row, which compiles, is left out. Then 10 steps of 4 in 1 s, none waited, and 5 in 2 s, half waited."""
    rows = "10,1,0.5,2,0.9\n20,2,0.4,40,0\n25,3,0.3,10,0.5\n"
    (tmp_path / "metrics.csv").write_text(HEADER + rows)
    found = curves.measure_speed(RunFolder(str(tmp_path)), global_batch=4)
    assert found == {"pictures_per_second": 25, "waiting": pytest.approx(1 / 3)}


def test_one_row_is_better_than_none(tmp_path):
    (tmp_path / "metrics.csv").write_text(HEADER + "10,1,0.5,2,0.25\n")
    assert curves.measure_speed(RunFolder(str(tmp_path)), 4) == {
        "pictures_per_second": 2,
        "waiting": pytest.approx(0.25),
    }


def test_a_run_without_rows_has_no_speed(tmp_path):
    assert curves.measure_speed(RunFolder(str(tmp_path)), 4) is None
    (tmp_path / "metrics.csv").write_text("step,epoch,loss,pictures_per_second\n10,1,0.5,2\n")  # of an older version
    assert curves.measure_speed(RunFolder(str(tmp_path)), 4) is None


def drawn(plot) -> str:
    """The SVG of a plot, which is well-formed XML."""
    svg = base64.b64decode(plot.url.removeprefix("data:image/svg+xml;base64,")).decode()
    ElementTree.fromstring(svg)
    return svg


def test_what_validation_found_is_drawn(tmp_path):
    run = run_folder.make(tmp_path / "run")
    titles = [plot.title for plot in curves.draw({"run": RunFolder(str(run))})]
    assert titles == ["loss over steps", "PSNR, dB over steps", "share of the truth's chroma over steps"]
    (run / "validation.csv").unlink()
    (loss,) = curves.draw({"run": RunFolder(str(run))})
    assert loss.alt == "training: 0.5 at step 10, 0.125 at 30"


def test_a_run_that_logged_nothing_has_no_curves(tmp_path):
    assert curves.draw({"run": RunFolder(str(tmp_path))}) == []


def test_the_curves_of_several_runs_are_in_one_plot_with_their_names(tmp_path):
    runs = {name: RunFolder(str(run_folder.make(tmp_path / name))) for name in ("one", "two")}
    loss = curves.draw(runs)[0]
    assert loss.alt.count(", training: 0.5 at step 10") == 2
    svg = drawn(loss)
    assert all(f"<!-- {name}, {part} -->" in svg for name in runs for part in ("training", "validation"))


@pytest.mark.parametrize("name", ["_hidden", "$\\frac{$", "<b> & -->", "a\x01b\nc", "x" * 300])
def test_any_name_can_be_drawn_beside_its_curve(tmp_path, name):
    """`_` hides a line from matplotlib's legends, `$` begins a formula, control characters are not allowed in XML."""
    other = RunFolder(str(run_folder.make(tmp_path / "run")))
    (loss, *_) = curves.draw({name: other, "second": other})
    svg = drawn(loss)
    written = html.unescape(drawing.shorten(f"{name}, training"))
    assert len(written) <= 32
    assert written.replace("--", "- -") in html.unescape(svg).replace("--", "- -")


def test_the_same_rows_give_the_same_bytes(tmp_path):
    run = {"run": RunFolder(str(run_folder.make(tmp_path / "run")))}
    assert curves.draw(run) == curves.draw(run)
