"""A network's forward pass, compiled for the sizes that come again: a film's frames, a camera's photographs.

Compiling takes as long as a few pictures, and is of one size: Keras' networks here cannot be traced for all at once
(`one_picture`). Layer by layer, as a network is called, small layers cost more time to start than to compute.
"""

import collections

import keras
import numpy as np

_OFTEN = 3  # as many pictures of one size are worth compiling for
_SIZES = 8  # compiled at a time; the one that was not seen for longest is dropped


class Forward:
    """Call it with a network's inputs, arrays of one size: its answer, arrays or tensors."""

    def __init__(self, network: keras.Model):
        self._network = network
        self._seen = collections.Counter()
        self._compiled: collections.OrderedDict[tuple, keras.Model] = collections.OrderedDict()

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict:
        size = inputs["l"].shape
        self._seen[size] += 1
        if self._seen[size] < _OFTEN:
            return self._network(inputs, training=False)
        if size not in self._compiled:
            # Of the same layers. Keras keeps one compiled function a model, and traces it for all sizes at the second.
            self._compiled[size] = keras.Model(self._network.input, self._network.output)
        self._compiled.move_to_end(size)
        while len(self._compiled) > _SIZES:
            self._compiled.popitem(last=False)
        return self._compiled[size].predict_on_batch(inputs)
