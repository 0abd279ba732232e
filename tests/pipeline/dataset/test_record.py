"""Records and their framing: the same bytes in every process, read by TensorFlow, damage named."""

import io
import struct
import subprocess
import sys

import numpy as np
import pytest

from tests.support import helpers
from tintmill.pipeline.dataset import record

RECORDS = [b"first", b"", b"x" * 1000, "Zürich".encode()]

ENCODE = """
import sys
import numpy as np
from tintmill.pipeline.imaging import lab
from tintmill.pipeline.dataset import record, settings

encoding = sys.argv[1]
made = settings.Settings(name="toy", size=8, encoding=encoding)
encode = record.encoder(record.features(made, ("cat", "dog"), 5))
packed = lab.pack(lab.rgb_to_lab(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)), encoding)
example = {"id": "cat/1.jpg", "lab": record.stored_lab(packed, encoding), "height": 80, "width": 90}
example |= {"embedding": np.arange(5, dtype=np.float16), "label": 1}
print(encode(example if len(sys.argv) < 3 else dict(reversed(example.items()))).hex())
"""


def framed(records=RECORDS) -> bytes:
    return b"".join(map(record.frame, records))


def read(data: bytes) -> list[bytes]:
    return list(record.read_frames(io.BytesIO(data)))


def damage(data: bytes) -> str:
    with pytest.raises(ValueError) as caught:
        read(data)
    return str(caught.value)


def test_what_is_framed_is_read_back():
    assert read(framed()) == RECORDS


def test_an_empty_file_has_no_records():
    assert read(b"") == []


def test_tf_data_reads_the_frames(tmp_path):
    import tensorflow as tf

    (tmp_path / "shard").write_bytes(framed())
    assert list(tf.data.TFRecordDataset(str(tmp_path / "shard")).as_numpy_iterator()) == RECORDS


def test_frames_are_those_of_tensorflow(tmp_path):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(tmp_path / "shard")) as writer:
        for one in RECORDS:
            writer.write(one)
    assert (tmp_path / "shard").read_bytes() == framed()


START = len(framed(RECORDS[:2]))  # of record 2, the long one


@pytest.mark.parametrize("at", [0, 7, 8, 11])
def test_a_damaged_length_names_its_record(at):
    data = bytearray(framed())
    data[START + at] ^= 1
    assert damage(bytes(data)).startswith("record 2: its length")


@pytest.mark.parametrize("at", [0, 7, 8, 11])
def test_places_are_not_looked_for_behind_a_damaged_length(at):
    data = bytearray(framed())
    data[START + at] ^= 1
    with pytest.raises(ValueError, match="record 2 is damaged or cut off"):
        list(record.frame_places(io.BytesIO(data), len(data)))


def test_a_huge_length_is_damage_and_not_memory():
    data = bytearray(framed())
    data[START : START + 8] = struct.pack("<Q", 2**62)
    assert damage(bytes(data)).startswith("record 2: its length")


@pytest.mark.parametrize("at", [12, 500, 1011, 1012, 1015])
def test_a_flipped_byte_names_its_record(at):
    data = bytearray(framed())
    data[START + at] ^= 1
    assert damage(bytes(data)) == "record 2: its content fails its checksum"


@pytest.mark.parametrize("length", [1, 11])
def test_a_file_cut_inside_a_length_names_the_record(length):
    assert damage(framed()[: START + length]).startswith("record 2: its length")


@pytest.mark.parametrize("length", [12, 13, 1015])
def test_a_file_cut_inside_a_record_names_it(length):
    assert damage(framed()[: START + length]) == "record 2: the file ends inside it"


def test_bytes_after_the_last_record_are_damage():
    assert damage(framed() + b"\n").startswith("record 4: its length")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["lab8", "lab8_png", "lab16"])
def test_a_record_has_the_same_bytes_in_every_process(encoding):
    """Neither the process, nor its hash seed, nor the order in which the values are given may show."""
    hashes = [("1",), ("2", "reversed")]
    commands = [([sys.executable, "-c", ENCODE, encoding, *more], {"PYTHONHASHSEED": seed}) for seed, *more in hashes]
    running = [helpers.start(command, env, stderr=subprocess.DEVNULL) for command, env in commands]
    first, second = (process.communicate(timeout=helpers.TIMEOUT)[0] for process in running)
    assert first
    assert first == second


def test_features_follow_the_settings():
    from tintmill.pipeline.dataset.settings import Settings

    full = record.features(Settings(name="toy", size=16), ("cat", "dog"), 7)
    assert set(full) == {"id", "lab", "height", "width", "embedding", "label"}
    assert (full["lab"].shape, full["lab"].np_dtype) == ((16, 16, 3), np.uint8)
    assert (full["embedding"].shape, full["embedding"].np_dtype) == ((7,), np.float16)
    plain = record.features(Settings(name="toy", size=16, encoding="lab16", embedder=None), (), None)
    assert set(plain) == {"id", "lab", "height", "width"}
    assert plain["lab"].np_dtype == np.int16
