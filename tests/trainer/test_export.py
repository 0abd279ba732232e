"""What `tintmill export` refuses before it reads anything."""

import pytest

from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.export import ExportArguments


def test_only_onnx_holds_half_weights():
    with pytest.raises(TintmillError, match="--half_weights: wanted --format=onnx, got keras; leave one of them out"):
        ExportArguments("run", "keras", "network.keras", half_weights=True)


def test_only_onnx_takes_lightness():
    with pytest.raises(TintmillError, match="--takes=lightness: wanted --format=onnx, got keras"):
        ExportArguments("run", "keras", "network.keras", takes="lightness")
