"""A network's answers on the records of a split."""

import numpy as np
import pytest

from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.trainer.evaluation import on_records


@pytest.fixture(scope="module")
def opened(plain_dataset):
    return open_dataset(str(plain_dataset))


class TellsHints:
    """A network that answers with the hints that it is given."""

    input = ("l", "hints")

    def __call__(self, inputs, training):
        assert not training
        self.hints = np.asarray(inputs["hints"])
        return {"ab": self.hints[..., :2]}


def test_hints_of_records_are_colours_of_their_truth(opened):
    network = TellsHints()
    answers = list(on_records.predictions(network, opened, "val", batch=2, numbers=[0, 1], hints=3))
    for answer, hints in zip(answers, network.hints, strict=True):
        places = hints[..., 2] == 1
        assert 49 <= places.sum() <= 3 * 49
        assert not answer.ab[~places].any()
        assert np.abs(answer.ab[places].mean(axis=0) - answer.lab[..., 1:][places].mean(axis=0)).max() < 5


def test_without_hints_a_network_that_takes_them_is_told_nothing(opened):
    network = TellsHints()
    list(on_records.predictions(network, opened, "val", batch=2, numbers=[0, 1]))
    assert network.hints.shape[-1] == 3
    assert not network.hints.any()
