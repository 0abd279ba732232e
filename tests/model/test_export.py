"""A run exported to every format: the same colours in the format's own runtime, put in place whole."""


import numpy as np
import pytest

from model import export, exported, formats
from tests import exports

AGREEMENT = 1e-4  # of a* and b*, and of logits
NETWORKS = {
    "koalarization": {"head": "bins"},
    "kth": {},
    "tint": {},
    "jain": {"height": exports.SIZE, "width": exports.SIZE},
    "iizuka": {"global_size": 32, "head": "bins"},
    "vgg": {},
}
EMBEDS = ("koalarization", "kth", "tint")


@pytest.fixture(scope="module")
def made(tmp_path_factory, embedder_weights):
    """By network: (run directory, network that holds all, its description), made when first asked for."""
    known = {}

    def make(name: str):
        if name not in known:
            weights = embedder_weights if name in EMBEDS else None
            run = exports.make_run(tmp_path_factory.mktemp(name), name, weights, **NETWORKS[name])
            known[name] = (run, *export.of_run(run))
        return known[name]

    return make


@pytest.mark.parametrize("format_name", formats.FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_runtime_of_its_own_gives_the_same_colours(made, tmp_path, name, format_name):
    """At three picture sizes, from one loaded file."""
    run, network, description = made(name)
    path = str(tmp_path / f"export{formats.FORMATS[format_name].SUFFIX}")
    export.write(network, description, format_name, path)
    loaded = exported.load(path)
    assert (loaded.name, loaded.has_bins) == (name, NETWORKS[name].get("head") == "bins")
    for seed, (width, height) in enumerate([(75, 50), (40, 131), (33, 33)]):
        grey = exports.grey_picture(seed, width, height)
        wanted = network(np.asarray(grey, np.float32)[None, ..., None], training=False)
        found = loaded.predict(grey)
        assert np.asarray(wanted["ab"]).std() > 1
        np.testing.assert_allclose(found.ab, np.asarray(wanted["ab"])[0], atol=AGREEMENT)
        if loaded.has_bins:
            np.testing.assert_allclose(found.logits, np.asarray(wanted["bins"])[0], atol=AGREEMENT)
