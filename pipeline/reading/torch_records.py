"""Records as a map-style dataset of PyTorch. Importing this module imports torch."""

import numpy as np
import torch

from tintmill.pipeline.reading.records import Records


class TorchRecords(torch.utils.data.Dataset):
    """`Records` with tensors in place of arrays.

    It is map-style: a `DataLoader` with several workers hands each of them other numbers, so that each record comes
    once. Workers open the files for themselves.
    """

    def __init__(self, records: Records):
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, number: int) -> dict:
        found = self._records[number].items()
        return {name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in found}
