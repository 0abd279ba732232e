"""sRGB <-> CIELAB (D65, 2 degree observer), in NumPy and in keras.ops, and the packed encodings of records.

One set of formulas serves both: `xp` is `numpy` or `keras.ops`. Constants are those of IEC 61966-2-1 (sRGB) and
CIE 15:2004 (Lab) as scikit-image uses them, so results equal `skimage.color` within 1e-3.

Ranges: L* 0..100, a* and b* within -128..127 for every sRGB colour. L* depends on luminance alone, so the L* of a
colour picture is the L* of its grey version: `to_grey` makes that version. Luma (0.299 R + ...) is never used.
"""

import functools

import numpy as np

ENCODINGS = ("lab8", "lab8_png", "lab16")

_XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
_RGB_FROM_XYZ = np.linalg.inv(_XYZ_FROM_RGB)
WHITE = np.array([0.95047, 1.0, 1.08883])  # D65
_LEVEL_STEPS = {np.uint8: 1 << 16, np.uint16: 1 << 22}  # in the dark a step is a fifth of a level at most
EPSILON, SLOPE, OFFSET = 0.008856, 7.787, 16.0 / 116.0


def rgb_to_lab(rgb, xp=np):
    """sRGB to CIELAB.

    Args:
      rgb: float [..., 3] in 0..1, or uint8 [..., 3] (NumPy only).
      xp: `numpy` or `keras.ops`.
    Returns:
      float [..., 3]: L* 0..100, a*, b*. float32 from uint8 and from float32.
    """
    if xp is np and rgb.dtype == np.uint8:
        return _linear_to_lab(_linear_table(256).take(rgb), np)
    return _linear_to_lab(_linearise(rgb, xp), xp)


def lab_to_rgb(lab, xp=np):
    """CIELAB to sRGB in 0..1; channels outside sRGB are clipped (see `fit_gamut`).

    Args:
      lab: float [..., 3]: L* 0..100, a*, b*.
    Returns:
      float [..., 3] in 0..1.
    """
    return _delinearise(xp.clip(_lab_to_linear(lab, xp), 0.0, 1.0), xp)


def lab_to_rgb8(lab: np.ndarray) -> np.ndarray:
    """CIELAB float [..., 3] to sRGB uint8 [..., 3], rounded, chroma reduced where a colour falls outside sRGB."""
    return np.rint(lab_to_rgb(fit_gamut(lab)) * 255.0).astype(np.uint8)


def fit_gamut(lab: np.ndarray) -> np.ndarray:
    """Brings colours into sRGB by reducing chroma at constant L* and hue; clipping channels would change L*.

    Args:
      lab: float [..., 3].
    Returns:
      float32 [..., 3]; colours inside sRGB are returned as they are.
    """
    lab = np.asarray(lab, np.float32)
    outside = ~_displayable(lab)
    if not outside.any():
        return lab
    bad = lab[outside]  # (n, 3) of the n colours outside sRGB
    # Halving: after 12 steps the share of chroma that may be kept is known to 1/4096.
    keep = np.zeros(len(bad), np.float32)  # (n,) shares that are inside sRGB
    lost = np.ones(len(bad), np.float32)  # (n,) shares that are outside
    for _ in range(12):
        middle = (keep + lost) / 2
        inside = _displayable(_scale_chroma(bad, middle))  # (n,) bool
        keep, lost = np.where(inside, middle, keep), np.where(inside, lost, middle)
    fitted = lab.copy()
    fitted[outside] = _scale_chroma(bad, keep)
    return fitted


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """The grey sRGB picture of the same luminance, hence the same L*; a grey picture of 8 bits is returned unchanged.

    Args:
      pixels: uint8 or uint16 [H, W, 3], or [H, W] of a grey picture.
    Returns:
      uint8 [H, W].
    """
    if pixels.ndim == 2 and pixels.dtype == np.uint8:
        return pixels
    scaled = luminance(pixels)  # (H, W)
    scaled *= 65535.0
    scaled += 0.5
    return grey_table().take(scaled.astype(np.uint16))


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance Y, 0..1, float32 [H, W] of uint8 or uint16 sRGB [H, W, 3], or [H, W] of a grey picture."""
    if pixels.ndim == 2:
        return luminance_tables(pixels.dtype, 1)[0].take(pixels)
    red, green, blue = luminance_tables(pixels.dtype, 3)  # (levels,) each
    # `take` and in place: half the time of indexing and temporaries.
    total = red.take(pixels[..., 0])  # (H, W)
    total += green.take(pixels[..., 1])
    total += blue.take(pixels[..., 2])
    return total


def pack(lab: np.ndarray, encoding: str) -> np.ndarray:
    """Lab as a record stores it.

    `lab8`, `lab8_png`: uint8, round(L*255/100), round(a)+128, round(b)+128. `lab16`: int16, round(128*Lab), which is
    exact for 8-bit sRGB.

    Args:
      lab: float [..., 3].
    Returns:
      uint8 or int16 [..., 3].
    """
    if encoding == "lab16":
        return np.rint(lab * 128.0).astype(np.int16)
    _check_encoding(encoding)
    scaled = lab * np.array([2.55, 1, 1], np.float32)  # (..., 3)
    scaled += np.array([0, 128, 128], np.float32)  # in place from here: temporaries cost as much as the arithmetic
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, 255, out=scaled)
    return scaled.astype(np.uint8)


def unpack(packed, encoding: str, xp=np):
    """Inverse of `pack`: integers [..., 3] to float32 Lab [..., 3]; `xp` is `numpy` or `keras.ops`."""
    values = packed.astype(np.float32) if xp is np else xp.cast(packed, "float32")
    if encoding == "lab16":
        return values / 128.0
    _check_encoding(encoding)
    return values * np.array([1 / 2.55, 1, 1], np.float32) - np.array([0, 128, 128], np.float32)


def _check_encoding(encoding: str) -> None:
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding must be one of {ENCODINGS}, got {encoding!r}")


def _linear_to_lab(rgb, xp):
    # rgb: (..., 3), linear, 0..1; f: of X, Y and Z relative to white, (...) each
    f = [_f(_dot(rgb, _XYZ_FROM_RGB[i] / WHITE[i], xp), xp) for i in range(3)]
    return xp.stack([116.0 * f[1] - 16.0, 500.0 * (f[0] - f[1]), 200.0 * (f[1] - f[2])], axis=-1)


def _lab_to_linear(lab, xp):
    # lab: (..., 3); fx, fy, fz: (...) each
    fy = (lab[..., 0] + 16.0) / 116.0
    fx = fy + lab[..., 1] / 500.0
    fz = fy - lab[..., 2] / 200.0
    xyz = xp.stack([_f_inverse(f, xp) * float(w) for f, w in zip((fx, fy, fz), WHITE, strict=True)], axis=-1)
    return xp.stack([_dot(xyz, row, xp) for row in _RGB_FROM_XYZ], axis=-1)


def _dot(values, row, xp):
    # Spelt out, not matmul: on GPUs a matmul may run in TF32, whose 10 bits of mantissa are visible in Lab.
    return values[..., 0] * float(row[0]) + values[..., 1] * float(row[1]) + values[..., 2] * float(row[2])


def _f(t, xp):
    root = np.cbrt(t) if xp is np else xp.power(xp.maximum(t, EPSILON), 1.0 / 3.0)
    return xp.where(t > EPSILON, root, SLOPE * t + OFFSET)


def _f_inverse(f, xp):
    return xp.where(f > 0.2068966, f * f * f, (f - OFFSET) / SLOPE)


def _linearise(rgb, xp):
    return xp.where(rgb > 0.04045, xp.power((xp.maximum(rgb, 0.04045) + 0.055) / 1.055, 2.4), rgb / 12.92)


def _delinearise(linear, xp=np):
    """Linear values 0..1 to sRGB 0..1."""
    high = 1.055 * xp.power(xp.maximum(linear, 0.0031308), 1.0 / 2.4) - 0.055
    return xp.where(linear > 0.0031308, high, linear * 12.92)


def _displayable(lab: np.ndarray) -> np.ndarray:
    # The linear values of -0.5 and 255.5 in 8 bits: what rounds into 0..255 without clipping.
    linear = _lab_to_linear(lab, np)  # (..., 3) -> (...)
    return np.all((linear > -0.5 / 255 / 12.92) & (linear < 1.0045), axis=-1)


def _scale_chroma(lab: np.ndarray, share: np.ndarray) -> np.ndarray:
    return np.concatenate([lab[..., :1], lab[..., 1:] * share[..., None]], axis=-1)


@functools.cache
def _linear_table(levels: int) -> np.ndarray:
    return _linearise(np.arange(levels) / (levels - 1.0), np).astype(np.float32)


@functools.cache
def luminance_tables(dtype: np.dtype, channels: int) -> np.ndarray:
    """What each level of each channel adds to Y: float32 [channels, levels]; a picture of one channel is a grey one."""
    linear = _linear_table(np.iinfo(dtype).max + 1)
    return linear[None] if channels == 1 else (linear * _XYZ_FROM_RGB[1][:, None]).astype(np.float32)


@functools.cache
def grey_table() -> np.ndarray:
    """The 8-bit sRGB level of a linear value in 65535ths: uint8 [65536]."""
    return np.rint(_delinearise(np.arange(65536) / 65535.0) * 255.0).astype(np.uint8)


@functools.cache
def rgb_weights() -> np.ndarray:
    """Linear RGB of X, Y, Z relative to white, float32 [3, 3]; neutral to the last digit, where the six digits of the
    matrix leave 0.00007.
    """
    weights = _RGB_FROM_XYZ * WHITE
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@functools.cache
def level_table(dtype: np.dtype) -> np.ndarray:
    """The sRGB level of linear values from i to i + 1 steps, the last one of 1.0: [steps + 1], 8 or 16 bits."""
    steps = _LEVEL_STEPS[dtype.type]
    linear = np.minimum(np.arange(0.5, steps + 1) / steps, 1.0)
    return np.rint(_delinearise(linear) * np.iinfo(dtype).max).astype(dtype)
