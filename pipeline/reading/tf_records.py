"""Records as a dataset of tf.data."""

import numpy as np

from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.reading.fields import list_fields
from tintmill.pipeline.reading.records import Records


def make_dataset(records: Records):
    """A `tf.data.Dataset` of dicts, in the order of the records; several are read at once."""
    tf = import_tensorflow()
    fields = list_fields(records.dataset)
    types = [tf.string if dtype is str else tf.as_dtype(dtype) for _, dtype in fields.values()]

    def read(number: np.ndarray) -> list:
        found = records[number]
        return [found[name] if dtype is str else np.asarray(found[name], dtype) for name, (_, dtype) in fields.items()]

    def shape(number) -> dict:
        values = tf.numpy_function(read, [number], types, stateful=False)
        return {name: tf.ensure_shape(value, fields[name][0]) for name, value in zip(fields, values, strict=True)}

    return tf.data.Dataset.range(len(records)).map(shape, num_parallel_calls=tf.data.AUTOTUNE)
