"""Pillow's antialiased resizing as two matrix products, for networks that hold it inside: in keras.ops, of any size.

Pillow rounds to 8 bits after each of its two passes, this does not: elsewhere the two are equal (a test holds them
together). Only elementary operations, so that every format that a network is exported to has them. Where a pixel lies
is computed in whole numbers, which have the same value in every runtime: sizes and products stay below 2^31 for
pictures of up to a million pixels a side.
"""

from keras import ops


def cubic(distance):
    """Pillow's BICUBIC: Keys' kernel, a = -0.5. `distance` is not negative."""
    near = (1.5 * distance - 2.5) * distance * distance + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return ops.where(distance < 1.0, near, ops.where(distance < 2.0, far, ops.zeros_like(distance)))


def triangle(distance):
    """Pillow's BILINEAR. `distance` is not negative."""
    return ops.maximum(1.0 - distance, 0.0)


def weights(kernel, found: int, wanted: int, span: int, margin: int = 0):
    """What each pixel of a row is worth in each pixel of the resized row.

    Args:
      kernel: `cubic` or `triangle`.
      found: length of the row; it and all others may be whole tensors.
      wanted: length of the resized row.
      span: how much of the row, in its middle, becomes the resized row.
      margin: found - span; half of it lies before the span.
    Returns:
      float32 [wanted, found]; each row sums to 1.
    """
    # With pixel centres at halves: x + 1/2 - margin/2 - (y + 1/2) span / wanted, times 2 wanted.
    columns = (2 * ops.arange(found, dtype="int32") + (1 - margin)) * wanted  # (found,)
    rows = (2 * ops.arange(wanted, dtype="int32") + 1) * span  # (wanted,)
    distance = ops.abs(ops.cast(columns[None, :] - rows[:, None], "float32"))  # (wanted, found)
    # Where the row shrinks, the kernel is as much wider: nothing of the picture is left out.
    shares = kernel(distance / ops.cast(2 * ops.maximum(span, wanted), "float32"))
    return shares / ops.sum(shares, axis=1, keepdims=True)


def along_width(maps, table):
    """Maps [1, height, width, 1] resized by `weights` of [wanted width, width]."""
    return _multiplied(maps, ops.transpose(table), lambda planes, table: ops.matmul(planes, table))


def along_height(maps, table):
    """Maps [1, height, width, 1] resized by `weights` of [wanted height, height]."""
    return _multiplied(maps, table, lambda planes, table: ops.matmul(table, planes))


def _multiplied(maps, table, product):
    planes = ops.transpose(maps, (0, 3, 1, 2))  # (1, 1, height, width)
    # Of as many axes as the planes: other products are spelt with reshapes that LiteRT does not take at any size.
    # Of one picture with one channel: where one side is repeated, oneDNN's product in TensorFlow 2.21 overruns memory.
    return ops.transpose(product(planes, ops.expand_dims(table, (0, 1))), (0, 2, 3, 1))


def whole_part(numerator, denominator):
    """round(numerator / denominator) as Python rounds, a half to the even neighbour; of whole numbers above 0."""
    quotient, rest = numerator // denominator, numerator % denominator
    # 1 where rest is more than half, or half and the quotient odd: the comparison, in whole numbers.
    return quotient + (2 * rest + quotient % 2) // (denominator + 1)
