"""What several losses take of targets and outputs: their sRGB, and the mean over a picture."""

from keras import ops

from tintmill.pipeline.imaging import lab


def predicted_rgb(targets: dict, outputs: dict):
    """The network's ab on the true L* as sRGB 0..1, [B, H, W, 3]; differentiable, channels outside sRGB clipped."""
    return _rgb(targets["l"], ops.cast(outputs["ab"], "float32"))


def true_rgb(targets: dict):
    """The targets as sRGB 0..1, [B, H, W, 3]."""
    return _rgb(targets["l"], targets["ab"])


def mean_of_picture(values):
    """Over all but the batch, in float32: [B, H, W, C] -> [B]."""
    return ops.mean(ops.cast(values, "float32"), axis=(1, 2, 3))


def _rgb(lightness, ab):
    """L*/50 - 1 [B, H, W, 1] and ab/128 [B, H, W, 2] as sRGB 0..1, [B, H, W, 3]."""
    values = ops.concatenate([(lightness + 1.0) * 50.0, ab * 128.0], axis=-1)  # (B, H, W, 3)
    return lab.lab_to_rgb(values, ops)
