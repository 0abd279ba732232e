"""Reading float32 Lab from tf.train.Example, as published colorization pipelines keep it.

A record is four times as large as ours and is parsed number by number. The first RECORDS of the benchmark's dataset
are written, about as many bytes as all of it has.
"""

import itertools
from pathlib import Path

import numpy as np

from tests.bench.common import examples
from tintmill.pipeline.imaging import lab

RECORDS = 512


def path(data) -> Path:
    return Path(f"{data.folder}-float32.tfrecord")


def write(data) -> None:
    """L* in -1..1, a* and b* over 128, the embedding, each a float_list."""
    found = itertools.islice(examples(data), RECORDS)
    import tensorflow as tf

    def feature(values) -> tf.train.Feature:
        return tf.train.Feature(float_list=tf.train.FloatList(value=values.astype(np.float32).ravel()))

    with tf.io.TFRecordWriter(str(path(data))) as writer:
        for one in found:
            values = lab.unpack(one["lab"], data.settings.encoding, np)
            parts = {"l": values[..., :1] / 50 - 1, "ab": values[..., 1:] / 128, "embedding": one["embedding"]}
            features = tf.train.Features(feature={name: feature(part) for name, part in parts.items()})
            writer.write(tf.train.Example(features=features).SerializeToString())


def read(data, batch: int, steps: int) -> int:
    """A shuffle buffer of 100, records parsed one by one, then batched."""
    import tensorflow as tf

    size, dimension = data.settings.size, data.embedder.dimension
    shapes = {"l": (size, size, 1), "ab": (size, size, 2), "embedding": (dimension,)}
    layout = {name: tf.io.FixedLenFeature(shape, tf.float32) for name, shape in shapes.items()}
    stream = tf.data.TFRecordDataset(str(path(data))).repeat().shuffle(100)
    stream = stream.map(lambda record: tf.io.parse_single_example(record, layout)).batch(batch)
    return sum(int(one["l"].shape[0]) for one in stream.take(steps).prefetch(tf.data.AUTOTUNE))
