"""Which model colours: its network's name and the sha256 of its file, without loading it."""

import json
import os
from typing import NamedTuple

from model import artefact, exported
from pipeline import files


class Identity(NamedTuple):
    name: str
    sha256: str


def of_run(run: str) -> Identity:
    artefact.load_dataset(run)
    return Identity(json.loads(files.read(os.path.join(run, "settings.json")))["network"], "0" * 64)


def of_export(path: str) -> Identity:
    return exported.load(path)
