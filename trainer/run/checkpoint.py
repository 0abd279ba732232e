"""Checkpoints: every variable of model and optimizer, seed generators among them, as one flat list in one file.

Keras' own checkpoints lose the state of seed generators: dropout would repeat itself after a resume. The file is an
.npz, whose members carry a CRC-32. It is written under a temporary name, flushed to disk and renamed: it is whole or
absent.
"""

import json
import os
import re
import struct
import sys
import zipfile
import zlib

import numpy as np

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

# What numpy and zipfile raise on damaged bytes; RuntimeError: a flipped bit can claim encryption or compression.
_DAMAGES = (OSError, ValueError, KeyError, EOFError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile)


def save(folder: str, step: int, variables: list, keep: int) -> str:
    """Writes the checkpoint of `step` and deletes all but the newest `keep`; returns its path.

    Raises:
      TintmillError: it cannot be written; the checkpoints before it are left as they are.
    """
    meta = {"step": step, "variables": [[v.path, list(v.shape), str(v.dtype)] for v in variables]}
    arrays = {f"v{i:05d}": np.asarray(v.numpy()) for i, v in enumerate(variables)}
    path = os.path.join(folder, f"step-{step:010d}.npz")
    try:
        with files.atomic_writer(path) as f:
            np.savez(f, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)
    except OSError as error:
        size = sum(a.nbytes for a in arrays.values())
        raise TintmillError(f"{path}: cannot write {size:,} bytes: {error.strerror}; the last one is kept") from error
    steps = list_steps(folder)
    # A checkpoint of a later step is damaged, or the run would have gone on from it. It must not push out a good one.
    kept = [s for s in steps if s <= step][-keep:]
    for old in set(steps) - set(kept):
        os.remove(os.path.join(folder, f"step-{old:010d}.npz"))
    return path


def list_steps(folder: str) -> list[int]:
    """The steps that have a checkpoint, oldest first; none where there is no such folder."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    found = [re.fullmatch(r"step-(\d{10})\.npz", name) for name in names]
    return sorted(int(match[1]) for match in found if match)


def restore(folder: str, variables: list) -> int:
    """Loads the newest whole checkpoint into `variables`; returns its step, 0 where there is none.

    A damaged newest one is named in a warning, and the one before it is taken.

    Raises:
      TintmillError: all are damaged, or one is of another network.
    """
    steps = list_steps(folder)
    for step in reversed(steps):
        path = os.path.join(folder, f"step-{step:010d}.npz")
        try:
            meta, arrays = _read(path)
        except _DAMAGES as error:
            print(f"WARNING {path} is damaged ({error}); trying the one before it", file=sys.stderr)
            continue
        _assign(path, meta, arrays, variables)
        return step
    if steps:
        raise TintmillError(f"{folder}: all {len(steps)} checkpoints are damaged; give another --run")
    return 0


def _read(path: str) -> tuple[dict, list[np.ndarray]]:
    with np.load(path, allow_pickle=False) as stored:
        meta = json.loads(stored["meta"].tobytes())
        return meta, [stored[f"v{i:05d}"] for i in range(len(meta["variables"]))]


def _assign(path: str, meta: dict, arrays: list[np.ndarray], variables: list) -> None:
    wanted = [[v.path, list(v.shape), str(v.dtype)] for v in variables]
    if meta["variables"] != wanted:
        pairs = zip(meta["variables"], wanted, strict=False)
        odd = next((pair for pair in pairs if pair[0] != pair[1]), (len(meta["variables"]), len(wanted)))
        raise TintmillError(f"{path} is of another network: it holds {odd[0]}, wanted {odd[1]}; give another --run")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
