"""Pictures that decode well and teach nothing: grey, uniform, letter-boxed. Judged on the resized square."""

import numpy as np

GREY_AB = 5.0  # no |a*| or |b*| above it: grey (Zhang et al. 2016, NonGrayMaskLayer)
UNIFORM_STD = 2.0  # standard deviation of every channel of Lab below it: one flat colour
BAR_SHARE = 0.03  # a bar is at least this share of the side, on both opposite sides
EDGE_SHARE = 0.6  # the row where a bar ends differs from it in at least this share of its pixels
_EDGE_BLUR = 2  # rows over which resizing smears that end
BAR_SPREAD = 8  # greatest difference of 8-bit values inside a bar: JPEG's noise around a flat colour


def find_reason(rgb: np.ndarray, lab: np.ndarray, drop_grey: bool, drop_uniform: bool, drop_bars: bool) -> str | None:
    """The reason code for which a picture is left out, or None.

    Args:
      rgb: uint8 [S, S, 3] sRGB; lab: float32 [S, S, 3] of the same picture.
    """
    if drop_uniform and is_uniform(lab):
        return "uniform"
    if drop_grey and is_grey(lab):
        return "grey"
    if drop_bars and has_bars(rgb):
        return "letterbox"
    return None


def is_grey(lab: np.ndarray) -> bool:
    """No a* or b* beyond `GREY_AB` anywhere; float [..., 3]."""
    a, b = lab[..., 1], lab[..., 2]  # (...) each
    return bool(max(a.max(), -a.min(), b.max(), -b.min()) <= GREY_AB)


def is_uniform(lab: np.ndarray) -> bool:
    """L*, a* and b* all vary less than `UNIFORM_STD`; float [H, W, 3]."""
    return all(lab[..., channel].std() < UNIFORM_STD for channel in range(3))  # L* decides most pictures


def has_bars(rgb: np.ndarray) -> bool:
    """Bars of one colour along both upper and lower, or both left and right edges; uint8 [H, W, 3].

    A thing on a flat background has flat edges too. A bar ends in a straight line: the first row that is not flat
    differs from the bar along most of its length.
    """
    return _has_bars_along_rows(rgb) or _has_bars_along_rows(rgb.swapaxes(0, 1))


def _has_bars_along_rows(rgb: np.ndarray) -> bool:
    upper, lower = _measure_bar(rgb), _measure_bar(rgb[::-1])  # rows
    least = max(2, round(len(rgb) * BAR_SHARE))
    if min(upper, lower) < least or max(upper, lower) > len(rgb) // 2:
        return False
    return bool(np.abs(rgb[0].astype(int) - rgb[-1].astype(int)).max() <= BAR_SPREAD)


def _measure_bar(rgb: np.ndarray) -> int:
    """Rows of a bar at the upper edge; 0 where there is none or it does not end in a straight line."""
    colour = rgb[0, 0].astype(int)  # (3,)
    for depth, row in enumerate(rgb):  # row: (W, 3)
        if np.abs(row.astype(int) - colour).max() > BAR_SPREAD:
            edge = rgb[min(depth + _EDGE_BLUR, len(rgb) - 1)].astype(int)
            differs = np.abs(edge - colour).max(axis=-1) > BAR_SPREAD  # (W,)
            return depth if differs.mean() >= EDGE_SHARE else 0
    return 0
