"""A colorizer without a network, for the tests of pages."""

import threading
from typing import NamedTuple

import numpy as np

from tests.support import helpers

PROVENANCE = {"model": "stub", "model_sha256": "0" * 64}


class Answer(NamedTuple):
    ab: np.ndarray
    logits: np.ndarray | None


class StubColorizer:
    """Colours everything alike, more so at a low temperature, and each hint's surroundings by the hint.

    It counts who asks, and how many at once. With bins it finds the bins 120 (grey), 200 and 50 probable.
    """

    takes_hints = True

    def __init__(self, has_bins: bool = True):
        self.has_bins, self.asked, self.hints, self.most_at_once = has_bins, [], [], 0
        self._inside, self._lock = 0, threading.Lock()
        self.gate = threading.Event()  # holds the network up where a test wants to look
        self.gate.set()

    def predict(self, grey, temperature=None, hints=()):
        with self._lock:
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
            self.asked.append(temperature)
            self.hints.append(list(hints))
        assert grey.mode == "L"
        self.gate.wait(60)
        with self._lock:
            self._inside -= 1
        ab = np.full((16, 16, 2), 20 * (1 - (temperature or 0.38)), np.float32)
        for hint in hints:
            row, column = (16 * place // length for place, length in ((hint.y, grey.height), (hint.x, grey.width)))
            ab[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = hint.ab
        return Answer(ab, self._logits() if self.has_bins else None)

    def _logits(self) -> np.ndarray:
        logits = np.zeros((4, 4, 313), np.float32)
        logits[..., [120, 200, 50]] = 9.0, 8.0, 7.0
        return logits

    def predict_ab(self, grey, temperature=None):
        return self.predict(grey, temperature).ab


def picture(seed: int = 0, height: int = 72, width: int = 96, kind: str = "JPEG") -> bytes:
    return helpers.encode(helpers.photo_pixels(seed, height, width), kind)
