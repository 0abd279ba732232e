"""Several colourings of one picture that differ on purpose, each of them plausible.

A network with bins says for each position which colours are probable. Positions whose distributions and lightness are
alike are taken for one region: they change together. A region's other colours are the modes of its mean distribution.
A variant gives some regions another mode: a prior over the bins is added to their logits, and the annealed mean is
taken as always, so that what varies inside a region goes on to vary. All regions keep their colours in the first one,
which is the network's own.
"""

import dataclasses
import functools
import itertools

import numpy as np
from PIL import Image

from tintmill.model.prediction.guided import filter_guided
from tintmill.model.prediction.prediction import Prediction, anneal
from tintmill.pipeline.imaging import ab_bins, lab

_REGIONS = 6  # at most
_MODES = 3  # of a region, the one that it has among them
_APART = 25.0  # a*, b*: nearer modes are one
_WIDTH = 10.0  # a*, b*: of the window in which a mode's share is summed
_LEAST_SHARE = 0.03  # of a region's distribution: a mode with less is not plausible
_LEAST_AREA = 0.02  # of the picture: smaller regions keep their colours
_PRIOR_WIDTH = 25.0  # a*, b*
_PULL = 3.0  # nats by which the prior prefers the wanted mode to colours far from it
_FLAT = 10.0  # of the variance of L*, below which a change is averaged instead of following edges
_ODDS = 10.0  # mean difference of a*, b* that is worth a factor e of improbability
_TEMPERATURE = 0.38  # of the annealed mean, where none is asked for


@dataclasses.dataclass(frozen=True)
class _Region:
    """Positions that change together.

    Attributes:
      weights: float32 [h, w], how much a position belongs to it, 0..1; of all regions together 1.
      modes: float32 [n, 2], a* and b* of what it may be; the first is what it is.
      log_odds: float64 [n], of each mode to the first.
    """

    weights: np.ndarray
    modes: np.ndarray
    log_odds: np.ndarray

    @property
    def area(self) -> float:
        return float(self.weights.mean())


def find_variants(
    prediction: Prediction, grey: np.ndarray, count: int, temperature: float | None = None
) -> list[np.ndarray]:
    """Colourings of a picture.

    Args:
      prediction: of a network with bins.
      grey: uint8 [H, W], the picture.
      count: of colourings, at least 1.
      temperature: of the annealed mean.
    Returns:
      `count` arrays float32 [h, w, 2], a* and b*; the first is the prediction's own.
    """
    regions = _find_regions(prediction.logits, grey)
    size, heat = prediction.ab.shape[:2], temperature or _TEMPERATURE
    own = anneal(prediction.logits, heat, size)
    lightness = _lightness(grey, size)
    radius = max(1, round(size[0] / prediction.logits.shape[0]))
    found = [prediction.ab]
    for choice in _choose(regions, count - 1):
        # The difference alone: at what temperature the network itself anneals need not be known.
        change = anneal(_pull(prediction.logits, regions, choice), heat, size) - own
        found.append(prediction.ab + filter_guided(lightness, change, radius, _FLAT))
    return found


def _find_regions(logits: np.ndarray, grey: np.ndarray) -> list[_Region]:
    """Regions whose colours may vary; positions of others are in none."""
    height, width = logits.shape[:2]
    share = _softmax(logits)  # (h, w, 313)
    weights = _cluster(_describe(share, _lightness(grey, (height, width))))  # (h, w, regions)
    regions = []
    for region in np.moveaxis(weights, -1, 0):
        mean = (share * region[..., None]).sum(axis=(0, 1)) / max(float(region.sum()), 1e-6)  # (313,)
        modes, shares = _find_modes(mean)
        if region.mean() >= _LEAST_AREA and len(modes) > 1:
            regions.append(_Region(region, modes, np.log(shares / shares[0])))
    return regions


def _lightness(grey: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """L* of a picture at a size, (height, width): float32 [height, width]."""
    small = np.asarray(Image.fromarray(grey).resize(size[::-1], Image.Resampling.BOX))
    return lab.rgb_to_lab(np.repeat(small[..., None], 3, axis=-1))[..., 0]


def _describe(share: np.ndarray, lightness: np.ndarray) -> np.ndarray:
    """What makes positions alike: float64 [h, w, D] of distributions [h, w, 313] and L* [h, w].

    The distance of two distributions is Hellinger's, over families of colours. A little of the place is in it, so that
    regions hold together.
    """
    height, width = lightness.shape
    roots = np.sqrt(share @ _families())  # (h, w, families)
    rows, columns = np.meshgrid(np.linspace(0, 0.35, height), np.linspace(0, 0.35, width), indexing="ij")
    return np.dstack([roots, lightness / 150.0, rows, columns])


@functools.cache
def _families() -> np.ndarray:
    """Which of 17 families a bin is in, float32 [313, 17]: greyish, and eight hues, each of them pale or strong."""
    a, b = ab_bins.centres().T
    chroma, hue = np.hypot(a, b), np.arctan2(b, a)
    family = 1 + 2 * (np.rint(hue / (np.pi / 4)).astype(int) % 8) + (chroma > 40)
    family[chroma < 15] = 0
    return np.eye(17, dtype=np.float32)[family]


def _cluster(points: np.ndarray) -> np.ndarray:
    """Soft membership in at most `_REGIONS` clusters, float32 [h, w, K] of [h, w, D]; always the same for the same.

    k-means that begins with the point nearest to the mean, then with the farthest one from all before.
    """
    flat = points.reshape(-1, points.shape[-1])
    first = np.square(flat - flat.mean(axis=0)).sum(axis=1).argmin()
    centres = flat[[first]]
    for _ in range(min(_REGIONS, len(flat)) - 1):
        farthest = _squared_distance(flat, centres).min(axis=1).argmax()
        centres = np.concatenate([centres, flat[[farthest]]])
    for _ in range(12):
        nearest = _squared_distance(flat, centres).argmin(axis=1)
        kept = [k for k in range(len(centres)) if (nearest == k).any()]
        centres = np.stack([flat[nearest == k].mean(axis=0) for k in kept])
    distance = _squared_distance(flat, centres)
    spread = max(float(distance.min(axis=1).mean()), 1e-9)
    weights = _softmax(-distance / spread)
    return weights.reshape(*points.shape[:2], -1).astype(np.float32)


def _find_modes(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a* and b* of the modes of a distribution [313], float32 [n, 2], and their shares, [n]; the greatest first."""
    centres = ab_bins.centres()
    windows = np.exp(-_squared_distance(centres, centres) / (2 * _WIDTH**2))  # (313, 313)
    smoothed = windows @ mean
    modes, shares = [], []
    for best in np.argsort(-smoothed):
        near = windows[best] * mean
        mode, share = near @ centres / near.sum(), near.sum()
        apart = all(np.linalg.norm(mode - other) >= _APART for other in modes)
        if modes and (share < _LEAST_SHARE or len(modes) == _MODES):
            break
        if apart:
            modes.append(mode)
            shares.append(share)
    return np.array(modes, np.float32), np.array(shares)


def _choose(regions: list[_Region], count: int) -> list[tuple[int, ...]]:
    """For each variant the number of each region's mode: far from those before it, and not improbable."""
    choices = list(itertools.product(*(range(len(region.modes)) for region in regions)))
    areas = np.array([region.area for region in regions])
    colours = np.array([[region.modes[k] for region, k in zip(regions, choice, strict=True)] for choice in choices])
    odds = np.array([sum(r.log_odds[k] * r.area for r, k in zip(regions, c, strict=True)) for c in choices])
    taken = [0]
    while len(taken) <= min(count, len(choices) - 1):
        apart = [np.linalg.norm(colours - colours[one], axis=-1) @ areas for one in taken]  # (choices,) each
        worth = np.min(apart, axis=0) + _ODDS * odds
        worth[taken] = -np.inf
        taken.append(int(worth.argmax()))
    chosen = [choices[one] for one in taken[1:]]
    return chosen + chosen[-1:] * (count - len(chosen)) if chosen else [choices[0]] * count


def _pull(logits: np.ndarray, regions: list[_Region], choice: tuple[int, ...]) -> np.ndarray:
    """Logits [h, w, 313] with a prior for the chosen modes of regions that change."""
    pulled = logits.copy()
    for region, mode in zip(regions, choice, strict=True):
        if mode:
            near = _squared_distance(ab_bins.centres(), region.modes[[mode]])[:, 0]  # (313,)
            prior = -_PULL * (1 - np.exp(-near / (2 * _PRIOR_WIDTH**2)))
            pulled += region.weights[..., None] * prior.astype(np.float32)
    return pulled


def _softmax(logits: np.ndarray) -> np.ndarray:
    share = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return share / share.sum(axis=-1, keepdims=True)


def _squared_distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[N, M] of [N, D] and [M, D]."""
    return np.square(points[:, None] - others[None]).sum(axis=-1)
