"""The manifest of a dataset directory, and opening the directory by it."""

import dataclasses
import json

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.names import MANIFEST, PLAN

FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Dataset:
    """An opened dataset directory.

    `settings`: the settings it was made with, as JSON values. `shards`: the manifest's entries, in split and shard
    order. `embedder`: the embedder's identity, or None.
    """

    folder: str
    manifest: dict

    @property
    def settings(self) -> dict:
        return self.manifest["settings"]

    @property
    def embedder(self) -> dict | None:
        return self.manifest["embedder"]

    @property
    def splits(self) -> dict[str, int]:
        """Records of each split."""
        return self.manifest["splits"]

    @property
    def mean_ab(self) -> tuple[float, float]:
        return tuple(self.manifest["mean_ab"])

    def shards(self, split: str | None = None) -> list[dict]:
        """The manifest's entries: file, split, shard, records, bytes, sha256, crc32c."""
        return [entry for entry in self.manifest["shards"] if split in (None, entry["split"])]

    def ab_histogram(self, split: str) -> list[int]:
        """Pixels of a split in each of the 313 ab bins: its prior before smoothing.

        Raises:
          TintmillError: an early manifest, which counted all splits together.
        """
        found = self.manifest["ab_histogram"]
        if not isinstance(found, dict):
            raise TintmillError(f"{self.folder}: its ab histogram is of all splits together; prepare the dataset again")
        return found[split]

    def path(self, *parts: str) -> str:
        return files.join(self.folder, *parts)

    def check_split(self, split: str) -> None:
        """Raises TintmillError where there is no such split."""
        if split not in self.splits:
            raise TintmillError(f"{self.folder} has no split {split!r}; it has {', '.join(self.splits)}")


def open_dataset(folder: str) -> Dataset:
    """Opens a dataset directory, OUTPUT/NAME/VERSION.

    Raises:
      TintmillError: no manifest, a damaged one, or one of a newer format.
    """
    folder = files.absolute(folder)
    path = files.join(folder, MANIFEST)
    if not files.exists(path):
        remedy = "give the folder OUTPUT/NAME/VERSION that `tintmill prepare` printed"
        if files.exists(files.join(folder, PLAN)):
            remedy = "its preparation has not finished; run the same `tintmill prepare` again"
        raise TintmillError(f"{folder}: no {MANIFEST} in it; {remedy}")
    try:
        manifest = json.loads(files.read(path))
        version = manifest["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise TintmillError(f"{path} is damaged ({error}); prepare the dataset again") from error
    if version != FORMAT_VERSION:
        raise TintmillError(f"{path} has format version {version}, this program reads {FORMAT_VERSION}")
    missing = {"settings", "splits", "shards", "class_names", "embedder", "mean_ab"} - set(manifest)
    if missing:
        raise TintmillError(f"{path} is damaged (no {', '.join(sorted(missing))}); prepare the dataset again")
    return Dataset(folder, manifest)
