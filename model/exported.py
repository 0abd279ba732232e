"""What `tintmill export` wrote, read back."""

from pipeline.errors import TintmillError


def load(path: str):
    raise TintmillError(f"--model={path}: no such file or folder; wanted a file or folder of `tintmill export`")
