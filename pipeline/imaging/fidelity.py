"""How far one 8-bit sRGB picture is from another: PSNR, SSIM, CIEDE2000.

scikit-image computes them; this module fixes the protocol. It lives in `pipeline/`, below `model/metrics`, because
prepare measures with it what the record's encoding costs. That cost is the ceiling row of every table.
"""

import numpy as np


def psnr(truth: np.ndarray, picture: np.ndarray) -> float:
    """10 log10(255^2 / MSE) over all channels, in dB; infinite where the pictures are equal.

    Args:
      truth: uint8 [H, W, 3].
      picture: uint8 [H, W, 3].
    """
    error = np.mean((truth.astype(np.float64) - picture.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10.0 * np.log10(255.0**2 / error))


def ssim(truth: np.ndarray, picture: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004): 11x11 Gaussian of sigma 1.5, over sRGB channels, data range 255."""
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            truth,
            picture,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
            data_range=255,
        )
    )


def ciede2000(truth: np.ndarray, picture: np.ndarray) -> float:
    """Mean CIEDE2000 colour difference over the pixels (D65, 2 degree observer)."""
    from skimage.color import deltaE_ciede2000

    from tintmill.pipeline.imaging.lab import rgb_to_lab

    return float(np.mean(deltaE_ciede2000(rgb_to_lab(truth), rgb_to_lab(picture))))


def compare(truth: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    """All three, by name."""
    return {
        "psnr": psnr(truth, picture),
        "ssim": ssim(truth, picture),
        "ciede2000": ciede2000(truth, picture),
    }
