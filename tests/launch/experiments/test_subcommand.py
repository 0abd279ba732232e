"""Commands that are started by others."""

import pytest

from tintmill.launch.experiments.subcommand import tintmill
from tintmill.pipeline.common.errors import TintmillError


def test_a_command_that_fails_is_named():
    with pytest.raises(TintmillError, match="tintmill verify"):
        tintmill("verify", "/nowhere/at/all")
