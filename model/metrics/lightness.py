"""How far the L* of a coloured picture is from the truth's."""

import numpy as np

from tintmill.model.metrics.pair import Pair


def error(pair: Pair) -> float:
    """Mean absolute error of L*, 0..100."""
    return float(np.abs(pair.truth_lab[..., 0] - pair.picture_lab[..., 0]).mean())
