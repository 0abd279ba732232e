"""Where chroma is lost: how often each a*, b* occurs in the truth and in a run's pictures, as maps and over chroma.

Histograms are those of metrics.json: pixels, rows a*, columns b*, bins of `step` from `low` on. What is computed from
them knows colours to about half a bin.

The maps count shares of pixels on a logarithmic scale: half of all pixels are nearly grey, and what is lost is rare.
"""

import numpy as np

from tintmill.trainer.evaluation.ab_histogram import AbHistogram
from tintmill.trainer.reporting.drawing import Drawing, add_legend, finish, new_plot

_CIRCLES = (20, 40, 80)  # of equal chroma, in the maps
_PARTS = 8  # into how many a bin's sides are divided, its pixels spread evenly, to tell their chroma


def draw_maps(histograms: list[AbHistogram]) -> list[Drawing]:
    """A map of each, all on one logarithmic scale of the share of pixels in a bin."""
    from matplotlib.colors import LogNorm

    shares = np.concatenate([histogram.shares.ravel() for histogram in histograms])
    lowest, highest = np.min(shares[shares > 0], initial=1), np.max(shares)
    return [_draw_map(histogram, LogNorm(lowest, max(highest, lowest * 1.01))) for histogram in histograms]


def _draw_map(histogram: AbHistogram, norm) -> Drawing:
    figure, axes = new_plot(xlabel="a*: green to red", ylabel="b*: blue to yellow", aspect="equal")
    shares = np.ma.masked_equal(histogram.shares, 0).T  # rows are drawn upwards: b*
    extent = (histogram.low, histogram.high) * 2
    image = axes.imshow(shares, norm=norm, cmap="viridis", origin="lower", extent=extent, interpolation="none")
    angle = np.linspace(0, 2 * np.pi, 90)
    for chroma in _CIRCLES:
        axes.plot(chroma * np.cos(angle), chroma * np.sin(angle), color="grey", linewidth=0.6)
        axes.annotate(str(chroma), (0, -chroma), fontsize="xx-small", ha="center", va="top", color="dimgrey")
    side = f"{histogram.step:g}x{histogram.step:g}"
    figure.colorbar(image, label=f"share of pixels in {side} of a*, b*")
    alt = f"Map of the colours of {histogram.name}: {_describe_colours(histogram)}; circles of chroma {_CIRCLES}"
    return finish(figure, f"Colours: {histogram.name}", alt)


def draw_chroma(histograms: list[AbHistogram]) -> Drawing:
    """The share of pixels over chroma, all in one plot; the first, the truth, in black."""
    figure, axes = new_plot(xlabel="chroma", ylabel="pixels, %", yscale="log")
    for number, histogram in enumerate(histograms):
        edges, shares = chroma_shares(histogram)
        colour = "black" if number == 0 else f"C{(number - 1) % 10}"
        percent = np.where(shares > 0, 100 * shares, np.nan)  # none is not drawn: a logarithm has no place for it
        axes.stairs(percent, edges, baseline=None, color=colour, linewidth=1.4)
    axes.set_xlim(0, max(_find_highest_chroma(histogram) for histogram in histograms))
    add_legend(axes, [histogram.name for histogram in histograms])
    words = "; ".join(f"{histogram.name}: {_describe_colours(histogram)}" for histogram in histograms)
    return finish(figure, "Pixels over chroma", f"Share of pixels over chroma. {words}")


def chroma_shares(histogram: AbHistogram) -> tuple[np.ndarray, np.ndarray]:
    """(edges [M + 1], share of pixels in each bin of chroma [M]); bins as wide as those of a* and b*."""
    chroma, shares = _spread_bins(histogram)
    edges = np.arange(0, np.hypot(*[max(-histogram.low, histogram.high)] * 2) + histogram.step, histogram.step)
    return edges, np.histogram(chroma, edges, weights=shares)[0]


def mean_chroma(histogram: AbHistogram) -> float:
    chroma, shares = _spread_bins(histogram)
    return float((chroma * shares).sum())


def _spread_bins(histogram: AbHistogram) -> tuple[np.ndarray, np.ndarray]:
    """Chroma and share of pixels of each part of each bin, [N * _PARTS, N * _PARTS]."""
    sides = len(histogram.counts) * _PARTS
    centres = histogram.low + (np.arange(sides) + 0.5) * histogram.step / _PARTS
    shares = histogram.shares.repeat(_PARTS, axis=0).repeat(_PARTS, axis=1) / _PARTS**2
    return np.hypot(centres[:, None], centres), shares


def _find_highest_chroma(histogram: AbHistogram) -> float:
    edges, shares = chroma_shares(histogram)
    return float(edges[1:][shares > 0].max(initial=histogram.step))


def _describe_colours(histogram: AbHistogram) -> str:
    edges, shares = chroma_shares(histogram)
    vivid = shares[edges[:-1] >= _CIRCLES[1]].sum()
    return f"mean chroma {mean_chroma(histogram):.1f}, {vivid:.1%} of the pixels from chroma {_CIRCLES[1]} on"
