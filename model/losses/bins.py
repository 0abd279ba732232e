"""Colours as distributions over the 313 ab bins: the targets of `--loss=bins` and the weights that rebalance them.

All of it is tables over pairs of integer a*, b* in -128..127; row 256 (a + 128) + b + 128, as `ab_bins.count_pairs`.
That is exact for lab8, whose records are integers; a lab16 colour is rounded to the nearest pair, at most 0.5 off in
each of a*, b*, a twentieth of the distance of two bins.

The prior that rebalances the bins is that of the split that a run trains on, from the manifest. It is not ImageNet's,
which other projects copy for every dataset.
"""

import functools

import numpy as np

from tintmill.pipeline.imaging import ab_bins

NEIGHBOURS = 5  # Zhang et al. 2016, section 2.2; their Caffe code takes 10
SIGMA = 5.0  # in a*, b*, for the soft encoding and for smoothing the prior alike
PAIRS = 65536


@functools.cache
def soft_table() -> tuple[np.ndarray, np.ndarray]:
    """The soft encoding of each pair: its 5 nearest bins, weighted by exp(-d^2 / (2 sigma^2)), summing to 1.

    Returns:
      indices int32 [65536, 5], nearest first (of equally near ones the lower index); weights float32 [65536, 5].
    """
    distance = _squared_distance(_pairs(), ab_bins.centres())
    rows, indices = np.arange(PAIRS), np.empty((PAIRS, NEIGHBOURS), np.int32)
    nearest = np.empty((PAIRS, NEIGHBOURS))
    for k in range(NEIGHBOURS):  # five searches for the least: ten times as fast as sorting 313
        indices[:, k] = distance.argmin(axis=1)
        nearest[:, k] = distance[rows, indices[:, k]]
        distance[rows, indices[:, k]] = np.inf
    weights = np.exp(-nearest / (2 * SIGMA**2))
    # A pair far outside all bins, which no sRGB colour is, has weights of 1e-30; they still sum to 1.
    return indices, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@functools.cache
def dense_table() -> np.ndarray:
    """`soft_table` written out, float32 [65536, 313], 82 MB.

    With it the cross entropy is a product of target and logits, whose gradient needs no scattering: twice as fast as
    picking five logits out of 313, and the same sum on every device.
    """
    indices, weights = soft_table()
    table = np.zeros((PAIRS, len(ab_bins.centres())), np.float32)
    np.put_along_axis(table, indices, weights, axis=1)
    return table


def smooth(histogram) -> np.ndarray:
    """A histogram over the bins as an empirical distribution, smoothed by a Gaussian over the bins' centres.

    Each bin's share is spread over all bins by exp(-d^2 / (2 sigma^2)), normalised, so that none is lost at the edge.

    Args:
      histogram: counts [313], at least one of them positive.
    Returns:
      float64 [313], sums to 1.
    """
    counts = np.asarray(histogram, np.float64)
    spread = np.exp(-_squared_distance(ab_bins.centres(), ab_bins.centres()) / (2 * SIGMA**2))
    return (counts / counts.sum()) @ (spread / spread.sum(axis=1, keepdims=True))


def rebalancing_weights(prior: np.ndarray, mix: float) -> np.ndarray:
    """How much a pixel of each bin counts, so that rare colours are learnt too (Zhang et al. 2016, eq. 4).

    w_q = c / ((1 - mix) prior_q + mix / Q), with c such that sum_q prior_q w_q = 1: the mean weight of a pixel is 1.

    Args:
      prior: the smoothed distribution, [313], sums to 1.
      mix: their lambda, above 0 (weights of 1 / prior, unbounded) to 1 (all weights 1).
    Returns:
      float32 [313].
    """
    weights = 1.0 / ((1 - mix) * prior + mix / len(prior))
    return (weights / (prior @ weights)).astype(np.float32)


def pair_weights(histogram, mix: float) -> np.ndarray:
    """The rebalancing weight of each pair, that of its nearest bin: float32 [65536]."""
    return rebalancing_weights(smooth(histogram), mix)[soft_table()[0][:, 0]]


def _pairs() -> np.ndarray:
    values = np.arange(-128.0, 128.0)
    return np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(PAIRS, 2)


def _squared_distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 [N, M] of [N, 2] and [M, 2]."""
    points, others = points.astype(np.float64), others.astype(np.float64)
    return (points[:, None, 0] - others[:, 0]) ** 2 + (points[:, None, 1] - others[:, 1]) ** 2
