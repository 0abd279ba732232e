"""The mean squared error behind a PSNR of 8-bit pictures, and back. `pipeline.imaging.fidelity` computes the PSNR."""

import numpy as np

PEAK = 255.0


def squared_error(psnr):
    """The mean squared error in squared 8-bit levels; 0 for an infinite PSNR."""
    return PEAK**2 * 10 ** (-psnr / 10)


def of_squared_error(error):
    """The PSNR in dB; infinite for an error of 0."""
    return -10 * np.log10(error / PEAK**2)
