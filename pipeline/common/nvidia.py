"""NVIDIA's devices, as the system shows them without a library."""

import glob


def list_devices() -> list[str]:
    """The device files of GPUs: /dev/nvidia0, /dev/nvidia1, ..."""
    return sorted(glob.glob("/dev/nvidia[0-9]*"))
