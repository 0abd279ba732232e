"""The maps of colours: which way round they are, on which scale, and what they say in words."""

import numpy as np
import pytest

from tintmill.trainer.evaluation.ab_histogram import AbHistogram
from tintmill.trainer.reporting import ab_map


def histogram(*pixels: tuple[float, float, int], name: str = "truth") -> AbHistogram:
    """Of (a*, b*, how many pixels), in the bins of metrics.json."""
    counts = np.zeros((55, 55))
    for a, b, count in pixels:
        counts[int((a + 110) // 4), int((b + 110) // 4)] += count
    return AbHistogram(name, counts, -110.0, 4.0)


@pytest.fixture
def figures(monkeypatch) -> list:
    """What is drawn, before it becomes an SVG."""
    found, finish = [], ab_map.finish

    def noted(figure, *rest):
        found.append(figure)
        return finish(figure, *rest)

    monkeypatch.setattr(ab_map, "finish", noted)
    return found


def test_red_is_to_the_right_and_yellow_is_above(figures):
    ab_map.draw_maps([histogram((60, 0, 3), (0, 80, 1))])
    axes = figures[0].axes[0]
    (image,) = axes.images
    rows, columns = np.nonzero(~np.ma.getmaskarray(image.get_array()))
    assert (image.origin, image.get_extent()) == ("lower", [-110, 110, -110, 110])
    assert {(-110 + 4 * (column + 0.5), -110 + 4 * (row + 0.5)) for row, column in zip(rows, columns, strict=True)} == {
        (60, 0),
        (0, 80),
    }
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("a*: green to red", "b*: blue to yellow")


def test_all_maps_have_one_logarithmic_scale_of_shares(figures):
    """The second picture has twice the pixels: shares are compared, not counts."""
    ab_map.draw_maps([histogram((0, 0, 90), (40, 0, 10)), histogram((0, 0, 199), (40, 0, 1), name="run")])
    images = [figure.axes[0].images[0] for figure in figures]
    assert {(image.norm.vmin, image.norm.vmax) for image in images} == {(1 / 200, 199 / 200)}
    assert {type(image.norm).__name__ for image in images} == {"LogNorm"}
    assert images[0].get_array().max() == pytest.approx(0.9)


def test_bins_of_one_colour_alone_can_be_drawn(figures):
    ab_map.draw_maps([histogram((0, 0, 5)), histogram()])
    ab_map.draw_chroma([histogram((0, 0, 5)), histogram()])
    assert len(figures) == 3


def test_chroma_is_the_distance_from_grey():
    """A pixel lies anywhere in its bin; of one at (32, 24) that is known to about two units."""
    edges, shares = ab_map.chroma_shares(histogram((0, 0, 30), (32, 24, 10)))
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx(0.75)
    assert shares[(edges[:-1] >= 36) & (edges[1:] <= 44)].sum() == pytest.approx(0.25)
    assert ab_map.mean_chroma(histogram((32, 24, 10))) == pytest.approx(40, abs=0.1)


def test_chroma_is_drawn_in_percent_with_the_truth_in_black(figures):
    drawing = ab_map.draw_chroma([histogram((0, 0, 3), (60, 0, 1)), histogram((0, 0, 4), name="run")])
    axes = figures[0].axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["truth", "run"]
    steps = [patch.get_data() for patch in axes.patches]
    assert steps[0].values[0] == pytest.approx(75)
    drawn = [edge for edge, value in zip(steps[0].edges, steps[0].values, strict=False) if np.isfinite(value)]
    assert drawn == [0, 56, 60]  # nothing where there is nothing
    assert axes.patches[0].get_edgecolor()[:3] == (0, 0, 0)
    assert "truth: mean chroma 16.1, 25.0% of the pixels from chroma 40 on; run: mean chroma 1.5, 0.0%" in drawing.alt
