"""`tintmill verify` and `peek`: every defect is named with its file."""

import hashlib
import json
import re
import shutil

import pytest

from tests.support import helpers
from tintmill.pipeline.dataset import record


@pytest.fixture
def copy(dataset, tmp_path):
    return shutil.copytree(dataset, tmp_path / "copy")


def defects(folder) -> list[str]:
    """The defects that verify names; it must fail, in one line, with exit code 1."""
    done = helpers.tintmill("verify", folder)
    helpers.assert_one_line_error(done, str(folder), "defects")
    found = [line.removeprefix("DEFECT ") for line in done.stdout.splitlines()]
    assert f": {len(found)} defects" in done.stderr
    return found


def records_of(shard) -> list[bytes]:
    with open(shard, "rb") as f:
        return list(record.read_frames(f))


def test_a_sound_dataset_passes(dataset):
    done = helpers.tintmill("verify", dataset)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 records, all as the manifest says" in done.stdout


def test_verify_changes_nothing(dataset):
    before = helpers.digests(dataset)
    helpers.tintmill("verify", dataset)
    assert helpers.digests(dataset) == before


PROGRAM = """
import json, sys
from tintmill.pipeline import peek, verify
shown = list(peek.peek(peek.PeekArguments(sys.argv[1], records=1)))
print(json.dumps([verify.verify(sys.argv[1]), shown]))
"""


def test_programs_get_what_the_commands_print(copy):
    """In a process of its own: the `tfrecord` package and TensorFlow cannot live in one."""
    shard = helpers.shard_files(copy)[-1]
    shard.write_bytes(b"")
    found, shown = json.loads(helpers.run_python(PROGRAM, copy, cwd=helpers.ROOT))
    assert found == defects(copy)
    assert shown == helpers.tintmill("peek", copy, "--records=1").stdout.splitlines()


@pytest.mark.parametrize("position", ["first", "last"])
def test_a_shard_cut_at_a_record_boundary_is_named(copy, position):
    """Every reader takes such a shard for a whole one."""
    shard = helpers.shard_files(copy)[0 if position == "first" else -1]
    kept = records_of(shard)[:-1]
    shard.write_bytes(b"".join(map(record.frame, kept)))
    found = defects(copy)
    assert all(line.startswith(f"{shard.name}: ") for line in found)
    assert any(f"{len(kept)} records, the manifest says {len(kept) + 1}" in line for line in found)


def test_a_shard_cut_inside_a_record_is_named(copy):
    shard = helpers.shard_files(copy)[1]
    last = len(records_of(shard)) - 1
    shard.write_bytes(shard.read_bytes()[:-100])
    found = defects(copy)
    assert f"{shard.name}: record {last}: the file ends inside it" in found


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_flipped_byte_is_named_with_its_record(copy, share):
    shard = helpers.shard_files(copy)[2]
    data = bytearray(shard.read_bytes())
    at = int(share * len(data))
    data[at] ^= 0x10
    number = at * len(records_of(shard)) // len(data)
    shard.write_bytes(data)
    found = defects(copy)
    assert f"{shard.name}: its sha256 is not the manifest's" in found
    (named,) = (int(match[1]) for line in found if (match := re.match(rf"{shard.name}: record (\d+): ", line)))
    assert abs(named - number) <= 1


def test_a_missing_shard_is_named(copy):
    shard = helpers.shard_files(copy)[0]
    shard.unlink()
    assert defects(copy) == [f"{shard.name}: missing or unreadable"]


def test_swapped_shards_are_named(copy):
    one, other = helpers.shard_files(copy)[:2]
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert {line.partition(":")[0] for line in defects(copy)} == {one.name, other.name}


def test_an_emptied_shard_is_named(copy):
    shard = helpers.shard_files(copy)[0]
    shard.write_bytes(b"")
    assert all(line.startswith(f"{shard.name}: 0 ") for line in defects(copy))


def test_an_extra_shard_is_named(copy):
    extra = copy / "toy-train.tfrecord-00099-of-00100"
    extra.write_bytes(helpers.shard_files(copy)[0].read_bytes())
    assert defects(copy) == [f"{extra.name}: a shard that is not in the manifest"]


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_damaged_tfds_metadata_is_named(copy, name, damage):
    path = copy / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_text(path.read_text()[:100])
    (found,) = defects(copy)
    assert found.startswith(f"{name}: missing or damaged")
    assert "run the same `tintmill prepare` to restore it" in found


def test_metadata_of_another_dataset_is_named(copy):
    path = copy / "dataset_info.json"
    info = json.loads(path.read_text())
    info["splits"][0]["shardLengths"][0] = "999"
    path.write_text(json.dumps(info))
    (found,) = defects(copy)
    assert found.startswith("dataset_info.json: shard lengths")


def test_an_index_that_is_not_of_the_records_is_named(copy):
    path = copy / "index" / "val.bin"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert defects(copy) == ["index/val.bin: not that of the records; delete it, or prepare again"]


def test_a_truncated_manifest_is_named(copy):
    path = copy / "manifest.json"
    path.write_text(path.read_text()[:500])
    helpers.assert_one_line_error(helpers.tintmill("verify", copy), f"{path} is damaged")


def rewritten(folder, change) -> str:
    """Puts records changed by `change` into the first shard, with a manifest and a report that agree; its name."""
    shard = helpers.shard_files(folder)[0]
    data = b"".join(map(record.frame, change(records_of(shard))))
    shard.write_bytes(data)
    told = helpers.manifest(folder)
    new = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    told["shards"][0] |= new
    report = folder / "reports" / f"{told['shards'][0]['split']}-00000.json"
    report.write_text(json.dumps(json.loads(report.read_text()) | new))
    assert told["shards"][0]["file"] == shard.name
    (folder / "manifest.json").write_text(json.dumps(told))
    return shard.name


def test_a_record_that_occurs_twice_is_named(copy):
    name = rewritten(copy, lambda records: [records[0], *records[:-1]])
    found = defects(copy)[0]
    assert re.match(rf"{name}: record 1: id '.*' is also in {name}", found)


def test_a_record_that_is_no_example_is_named(copy):
    name = rewritten(copy, lambda records: [b"\xff no protobuf", *records[1:]])
    found = defects(copy)[0]
    assert found.startswith(f"{name}: ")


def test_a_record_without_its_features_is_named(copy):
    name = rewritten(copy, lambda records: [b"", *records[1:]])
    found = defects(copy)[0]
    assert found == f"{name}: record 0: lacks embedding, height, id, lab, label, width"


def test_verify_wants_one_folder(tmp_path):
    helpers.assert_one_line_error(helpers.tintmill("verify"), "wanted one dataset directory")
    helpers.assert_one_line_error(helpers.tintmill("verify", tmp_path), "no manifest.json", str(tmp_path))


def test_peek_shows_records_of_every_split(dataset):
    done = helpers.tintmill("peek", dataset, "--records=2")
    assert done.returncode == 0, done.stderr
    assert "toy 1.0.0: 40 of 42 pictures kept" in done.stdout
    assert "weights random" in done.stdout
    assert (
        len(
            re.findall(
                r"^  (cat|dog)/photo_\d+\.(png|jpg): 96x72, mean Lab \[(-?\d+\.\d(, )?){3}\]", done.stdout, re.MULTILINE
            )
        )
        == 4
    )
