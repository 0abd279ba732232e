"""A SavedModel is a program: of one that does more than compute, nothing is run."""

import json
import os

import pytest
import tensorflow as tf

from tintmill.model.export import reader
from tintmill.model.export.formats import reading, saved_model_graph
from tintmill.model.export.formats.registry import FORMATS
from tintmill.pipeline.common.errors import TintmillError


class Honest(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], name="grey")])
    def answer(self, grey):
        return {"ab": tf.concat([grey, grey], -1) * 0.0}


def write_file(place):
    tf.io.write_file(place, "written by the model")


def read_file(place):
    tf.debugging.assert_greater(tf.strings.length(tf.io.read_file(place)), -1)


def run_python(place):
    tf.numpy_function(lambda: open(place, "w").close(), [], [])


def save_tensors(place):
    tf.raw_ops.SaveV2(prefix=place, tensor_names=["x"], shape_and_slices=[""], tensors=[tf.zeros(1)])


def restore_tensors(place):
    tf.raw_ops.RestoreV2(prefix=place, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32])


def make_dishonest(deed, place, deeper: bool):
    """A model that does something else too: in its answer, or in a function that its answer calls."""

    @tf.function
    def inner(grey):
        deed(place)
        return grey

    class Dishonest(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], name="grey")])
        def answer(self, grey):
            if not deeper:
                deed(place)
            grey = tf.cond(tf.size(grey) > 0, lambda: inner(grey), lambda: grey) if deeper else grey
            return {"ab": tf.concat([grey, grey], -1) * 0.0}

    return Dishonest()


def export(module, folder) -> str:
    """The module as a SavedModel that says of itself what an export says."""
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.answer})
    about = {"version": 1, "network": "honest", "bins": False, "embedder": None, "versions": {}}
    about |= {"framing": {"size": 48, "network_size": None}, "parts": FORMATS["saved_model"].digests(str(folder))}
    os.makedirs(folder / "assets.extra", exist_ok=True)
    (folder / "assets.extra" / reading.METADATA).write_text(json.dumps(about))
    return str(folder)


def test_a_model_that_computes_is_loaded(tmp_path):
    assert reader.load(export(Honest(), tmp_path / "model")).name == "honest"


@pytest.mark.parametrize("deeper", [False, True], ids=["at once", "in a function of a branch"])
@pytest.mark.parametrize("deed", [write_file, read_file, run_python, save_tensors, restore_tensors])
def test_a_model_that_does_more_is_refused_before_it_is_loaded(tmp_path, monkeypatch, deed, deeper):
    path = export(make_dishonest(deed, str(tmp_path / "victim"), deeper), tmp_path / "model")
    monkeypatch.setattr(tf.saved_model, "load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(TintmillError, match=r"its graph runs '.*', which may do more than compute"):
        reader.load(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model"]


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"\x08\x01"])
def test_a_graph_without_objects_is_refused(tmp_path, content):
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ValueError, match=r"no message of TensorFlow|not of TensorFlow 2"):
        saved_model_graph.check(str(tmp_path))


def test_a_pipe_in_the_folder_is_refused_and_not_waited_for(tmp_path):
    path = export(Honest(), tmp_path / "model")
    os.mkfifo(tmp_path / "model" / "variables" / "more")
    with pytest.raises(TintmillError, match="damaged since it was exported"):
        reader.load(path)
