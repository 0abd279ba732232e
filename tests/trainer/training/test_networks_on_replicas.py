"""Every network learns on two replicas, with every kind of head and loss."""

import itertools
import json

import numpy as np
import pytest

from tests.support import helpers
from tintmill.model.networks import registry as networks

PAIRS = [list(itertools.islice(networks.NETWORKS, i, i + 2)) for i in range(0, len(networks.NETWORKS), 2)]


@pytest.mark.slow
@pytest.mark.parametrize("names", PAIRS, ids=" ".join)
def test_every_network_with_every_head_learns_on_two_replicas(dataset, names):
    """Two replicas' loss is that of their pictures at once; one compiled step moves every weight."""
    code = "import sys; from tests.support import networks_on_replicas as n; n.main(*sys.argv[1:])"
    found = json.loads(helpers.run_python(code, dataset, *names))
    assert len(found) >= 2 * len(names)
    for name, parts in found.items():
        moved, weights = parts.pop("moved")
        alone = parts.pop("alone")
        assert np.isfinite(list(parts.values())).all(), name
        assert moved >= weights - 2 > 0, name  # ReLUs may be dead for one batch
        if alone is not None:
            assert parts["loss"] - 0.1 * parts.get("adversarial", 0) == pytest.approx(alone, abs=1e-4), name
