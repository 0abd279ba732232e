"""Whether the weights of the demo's embedder can be had on this machine."""

import subprocess
import sys

_PROGRAM = """
import socket

socket.setdefaulttimeout(30)
from tintmill.pipeline.common.tensorflow import import_tensorflow

import_tensorflow()
import keras

keras.applications.InceptionResNetV2(weights="imagenet")
"""


def find_weights() -> str:
    """`imagenet` where Keras has Inception-ResNet-v2's weights or can download them; else `random`, and prints so."""
    print("Looking for the ImageNet weights of Inception-ResNet-v2 (215 MB, downloaded once) ...", flush=True)
    line = [sys.executable, "-c", _PROGRAM]
    found = subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if found.returncode == 0:
        return "imagenet"
    reason = found.stderr.strip().splitlines()[-1] if found.stderr.strip() else f"exit code {found.returncode}"
    print(f"NOTE: they cannot be had here ({reason.split(' on ')[0]}): RANDOM WEIGHTS stand in for the embedder.")
    print("      The report and the dataset's manifest say so too. The network can still learn from L* alone.")
    return "random"
