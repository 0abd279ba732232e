"""The part `colourfulness`: rewards colour, whatever the truth (DDColor, 2023)."""

from keras import ops

from tintmill.model.losses.colours import predicted_rgb


def colourfulness(targets: dict, outputs: dict):
    """1 - M3/100, M3 of Hasler and Suesstrunk 2003 on sRGB 0..255, signed differences (DDColor's paper), float32 [B].

    1 for a grey picture, 0 for a very colourful one, less for a garish one. It knows no truth, so give it a small
    weight. DDColor's code takes absolute differences of sRGB 0..1, sums over the batch and leaves out the 100.
    """
    rgb = 255.0 * predicted_rgb(targets, outputs)  # (B, H, W, 3)
    red, green, blue = (rgb[..., i] for i in range(3))  # (B, H, W) each
    (mean_rg, var_rg), (mean_yb, var_yb) = map(_moments, (red - green, (red + green) / 2 - blue))  # (B,) each
    spread, shift = _root(var_rg + var_yb), _root(ops.square(mean_rg) + ops.square(mean_yb))
    return 1.0 - (spread + 0.3 * shift) / 100.0


def _moments(values):
    """Mean and variance of each picture, [B, H, W] -> [B], [B]."""
    return ops.mean(values, axis=(1, 2)), ops.var(values, axis=(1, 2))


def _root(square):
    """sqrt without its infinite slope at 0, where a grey picture lies; off by at most 0.001 (of 0..255)."""
    return ops.sqrt(square + 1e-6)
