"""Scores of coloured pictures, and their table. A table always holds the trivial answers beside the run.

Per picture: PSNR, SSIM, CIEDE2000 (`pipeline.fidelity`) and colourfulness. Means are over pictures; infinite PSNRs (an
answer that equals the truth, as grey does on a grey picture) are counted and left out of the mean.
"""

import numpy as np

from pipeline import fidelity

NAMES = ("psnr", "ssim", "ciede2000", "colourfulness", "colourfulness_abs")


def colourfulness(rgb: np.ndarray, absolute: bool = False) -> float:
    """M3 of Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images".

    rg = R - G, yb = (R + G)/2 - B; sqrt(std(rg)^2 + std(yb)^2) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2). Both differences
    are signed in the paper; most repositories take their absolute values, which gives about 8 % less.

    Args:
      rgb: uint8 [H, W, 3] sRGB.
      absolute: the repositories' form.
    """
    red, green, blue = (rgb[..., i].astype(np.float64) for i in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    if absolute:
        rg, yb = np.abs(rg), np.abs(yb)
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def score(truth: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    """All of `NAMES` for one picture; uint8 [H, W, 3] each."""
    return fidelity.compare(truth, picture) | {
        "colourfulness": colourfulness(picture),
        "colourfulness_abs": colourfulness(picture, absolute=True),
    }


def summarise(scores: list[dict[str, float]]) -> dict:
    """Means over pictures, how many there were and how many PSNRs were infinite and left out."""
    finite = [s["psnr"] for s in scores if np.isfinite(s["psnr"])]
    row = {"pictures": len(scores), "infinite_psnr": len(scores) - len(finite)}
    row["psnr"] = float(np.mean(finite)) if finite else None
    for name in NAMES[1:]:
        row[name] = float(np.mean([s[name] for s in scores]))
    return row
