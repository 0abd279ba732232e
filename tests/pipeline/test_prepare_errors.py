"""What prepare says when it cannot: one line that names the thing, a non-zero exit code, no traceback."""

import json
import os
import re
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support import helpers
from tintmill.pipeline.common.errors import TintmillError


def prepare(photos, output, *flags, **options):
    return helpers.tintmill("prepare", *helpers.prepare_flags(photos, output, *flags), **options)


def refused(photos, output, *flags, named: tuple[str, ...], code: int = 1, **options) -> None:
    helpers.assert_one_line_error(prepare(photos, output, *flags, **options), *named, code=code)


# Flags


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("--encoding=lab32", ("--encoding", "lab32", "lab8_png")),
        ("--fit=stretch", ("--fit", "stretch", "squash")),
        ("--source=flickr", ("--source", "flickr", "folder")),
        ("--size=big", ("--size", "big")),
        ("--embedder=vgg", ("--embedder", "vgg", "inception_resnet_v2")),
    ],
)
def test_a_wrong_flag_is_named_with_what_is_wanted(photos, tmp_path, flag, named):
    refused(photos, tmp_path, flag, named=named, code=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("--size=3", ("--size", "3", "8 to 4096")),
        ("--name=My Set", ("--name", "My Set")),
        ("--splits=train:0.5", ("--splits", "0.5", "sum to 1")),
        ("--splits=train", ("--splits", "train:0.9")),
        ("--shard_examples=0", ("--shard_examples",)),
    ],
)
def test_a_wrong_value_is_named_with_what_is_wanted(photos, tmp_path, flag, named):
    refused(photos, tmp_path, flag, named=named, code=2)
    assert list(tmp_path.iterdir()) == []


def test_classes_that_are_not_there_are_named_with_those_that_are(photos, tmp_path):
    refused(photos, tmp_path, "--classes=unicorn", named=("--classes", "unicorn", "cat"))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_flag_is_named():
    helpers.assert_one_line_error(helpers.tintmill("prepare"), "--input", code=2)


def test_a_misspelt_flag_is_named_and_not_passed_on_in_silence(photos, tmp_path):
    refused(photos, tmp_path, "--shard_exmples=7", named=("--shard_exmples=7", "no flag of"), code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_stray_argument_is_named(photos, tmp_path):
    refused(photos, tmp_path, "stray", named=("stray",), code=2)


def test_a_wrong_value_for_beam_is_named(photos, tmp_path):
    refused(photos, tmp_path, "--direct_num_workers=many", named=("--direct_num_workers", "many"), code=2)


@pytest.mark.slow
def test_flags_of_beam_are_passed_on(photos, tmp_path):
    done = prepare(
        photos, tmp_path, "--max_reject_fraction=0.1", "--limit=12", "--job_name=mine", "--save_main_session"
    )
    assert done.returncode == 0, done.stderr


def test_missing_weights_are_named(photos, tmp_path):
    flags = ("--embedder=mobilenet_v2", f"--embedder_weights={tmp_path / 'none.h5'}")
    refused(photos, tmp_path / "out", *flags, named=("--embedder_weights", "none.h5", "no such file"))


@pytest.mark.slow
def test_weights_of_another_network_are_named(photos, tmp_path):
    (tmp_path / "other.weights.h5").write_bytes(b"no HDF5 at all")
    flags = ("--embedder=mobilenet_v2", f"--embedder_weights={tmp_path / 'other.weights.h5'}")
    refused(photos, tmp_path / "out", *flags, named=("--embedder_weights", "other.weights.h5", "mobilenet_v2"))


# Input


def test_a_missing_input_is_named(tmp_path):
    refused(tmp_path / "none", tmp_path / "out", named=(str(tmp_path / "none"), "found nothing"))


def test_an_input_that_is_a_file_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    refused(tmp_path / "a.jpg", tmp_path / "out", named=("a.jpg", "found a file"))


def test_an_empty_input_is_named(tmp_path):
    (tmp_path / "in").mkdir()
    refused(tmp_path / "in", tmp_path / "out", named=(str(tmp_path / "in"), "no files"))
    assert not (tmp_path / "out").exists()


def test_a_folder_without_pictures_says_why_nothing_was_kept(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(6):
        (tmp_path / "in" / f"{i}.jpg").write_text("text")
    refused(tmp_path / "in", tmp_path / "out", named=("6 of 6 files were rejected", "not_a_picture"))
    assert not (tmp_path / "out/toy/1.0.0/dataset_info.json").exists()


def test_too_many_rejects_fail_and_say_which_reasons_led(tmp_path):
    photos = helpers.write_photos(tmp_path / "in", 16)
    (photos / "cat" / "empty.jpg").write_bytes(b"")
    for i in range(3):
        (photos / "cat" / f"text_{i}.jpg").write_text("text")
    named = ("4 of 20 files were rejected, 20.0%, allowed are 19.0%", "3 not_a_picture", "1 empty", "rejects")
    refused(photos, tmp_path / "out", "--max_reject_fraction=0.19", named=named)
    rejects = [line for path in (tmp_path / "out/toy/1.0.0/rejects").iterdir() for line in path.open()]
    assert {json.loads(line)["id"] for line in rejects} >= {"cat/empty.jpg", "cat/text_0.jpg"}
    done = prepare(photos, tmp_path / "out", "--max_reject_fraction=0.2")
    assert done.returncode == 0, done.stderr  # the threshold is no setting: the shards are kept
    assert " 0 to build" in done.stderr


def test_an_empty_split_is_named(tmp_path):
    photos = helpers.write_photos(tmp_path / "in", 6)
    refused(photos, tmp_path / "out", "--splits=train:0.99,rare:0.01", named=("split 'rare' is empty", "--splits"))


def test_an_input_that_holds_the_output_is_refused(tmp_path):
    """The next listing would find the dataset among the pictures."""
    photos = helpers.write_photos(tmp_path / "in", 6)
    refused(photos, photos / "out", named=("--output", "--input"))
    assert not (photos / "out").exists()


# Output


def test_an_output_that_cannot_be_written_is_named(photos, tmp_path):
    (tmp_path / "file").write_text("")
    refused(photos, tmp_path / "file" / "out", named=(f"--output={tmp_path / 'file' / 'out'}", "cannot be written"))


def test_an_output_that_holds_other_files_is_left_alone(photos, tmp_path):
    (tmp_path / "toy/1.0.0").mkdir(parents=True)
    (tmp_path / "toy/1.0.0/thesis.doc").write_text("years of work")
    refused(photos, tmp_path, named=("thesis.doc", "--output"))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["thesis.doc"]


@pytest.fixture
def copy(plain_dataset, tmp_path) -> Path:
    """A finished dataset in tmp_path / out, which may be spoilt."""
    return Path(shutil.copytree(plain_dataset, tmp_path / "out" / "toy" / "1.0.0"))


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("--encoding=lab16", "encoding 'lab8' -> 'lab16'"),
        ("--size=48", "size 32 -> 48"),
        ("--limit=7", "limit 0 -> 7"),
        ("--nodrop_grey", "drop_grey True -> False"),
        ("--splits=train:0.5,val:0.5", "splits"),
    ],
)
def test_other_settings_on_the_same_output_are_refused_and_named(photos, copy, tmp_path, flag, named):
    before = helpers.digests(copy)
    refused(photos, tmp_path / "out", flag, named=("other settings", named, "--version"))
    assert helpers.digests(copy) == before


def test_a_changed_input_on_the_same_output_is_refused_and_named(photos, copy, tmp_path):
    changed = Path(shutil.copytree(photos, tmp_path / "in"))
    (changed / "dog" / "photo_001.jpg").write_bytes(b"other bytes")
    refused(changed, tmp_path / "out", named=("changed since", "dog/photo_001.jpg had"))
    (changed / "dog" / "photo_001.jpg").unlink()
    refused(changed, tmp_path / "out", named=("changed since", "dog/photo_001.jpg is gone"))


# Signals


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "to_all", "code"),
    [(signal.SIGTERM, False, 143), (signal.SIGTERM, True, 143), (signal.SIGINT, True, 130)],
)
def test_a_signal_ends_the_run_cleanly_and_the_next_run_goes_on(photos, plain_dataset, tmp_path, number, to_all, code):
    """SIGTERM and Ctrl-C: one line, the exit code of the signal, no worker left, and nothing lost.

    A terminal and some schedulers signal the whole process group, others the leader alone.
    """
    flags = helpers.prepare_flags(photos, tmp_path, workers=2)
    folder = tmp_path / "toy" / "1.0.0"
    running = helpers.start(helpers.command_line("prepare", *flags), helpers.slow_publishing(tmp_path / "site"))
    helpers.wait_until(lambda: list(folder.glob("reports/*.json")), running)
    os.killpg(running.pid, number) if to_all else running.send_signal(number)
    _, stderr = running.communicate(timeout=helpers.TIMEOUT)
    assert running.returncode == code, stderr
    assert "Traceback" not in stderr, stderr
    assert re.match(r"tintmill prepare: (terminated|interrupted); run the same command", helpers.last_line(stderr))
    helpers.wait_until(lambda: not helpers.processes_of_group(running.pid), seconds=20)
    helpers.prepare(photos, tmp_path)
    assert helpers.digests(folder) == helpers.digests(plain_dataset)


# Hostile input as a whole


def test_hostile_names_are_kept_as_ids(tmp_path):
    """Newlines, spaces, 255 bytes, bytes that are no UTF-8, names that differ in case only, one name in two folders:
    each is a record; of an NFC and an NFD name, one."""
    photos = helpers.write_photos(tmp_path / "in", 12, classes=())
    names = [
        "new\nline.jpg",
        " spaces .jpg",
        "n" * 251 + ".jpg",
        "caf\u00e9.jpg",
        "cafe\u0301.jpg",
        "-rf",
        'a"b\\c.jpg',
        "photo_000.PNG",
        "one/same.jpg",
        "two/same.jpg",
    ]
    names = [*map(os.fsencode, names), b"latin caf\xe9.jpg"]
    for folder in ("one", "two"):
        (photos / folder).mkdir()
    for i, name in enumerate(names):
        Path(os.fsdecode(os.path.join(os.fsencode(photos), name))).write_bytes(
            helpers.encode(helpers.photo_pixels(100 + i))
        )
    folder = helpers.prepare(photos, tmp_path / "out", "--max_reject_fraction=0.06")
    told = helpers.manifest(folder)["pictures"]
    assert told == {"read": 23, "kept": 22, "rejected": {"duplicate_id": 1}}
    assert helpers.tintmill("verify", folder).returncode == 0


def test_unreadable_entries_are_reasons_and_not_failures(tmp_path):
    photos = helpers.write_photos(tmp_path / "in", 12)
    os.mkfifo(photos / "cat" / "pipe.jpg")
    (photos / "cat" / "dead.jpg").symlink_to("/nowhere")
    folder = helpers.prepare(photos, tmp_path / "out", "--max_reject_fraction=0.2")
    assert helpers.manifest(folder)["pictures"]["rejected"] == {"unreadable": 2}


@pytest.mark.slow
def test_shards_without_pictures_are_whole(tmp_path):
    """Many shards for few pictures: some stay empty, and TFDS still reads all."""
    photos = helpers.write_photos(tmp_path / "in", 10)
    folder = helpers.prepare(photos, tmp_path / "out", "--shard_examples=1")
    sizes = [entry["records"] for entry in helpers.manifest(folder)["shards"]]
    assert 0 in sizes
    assert sum(sizes) == 10
    assert helpers.tintmill("verify", folder).returncode == 0
    code = """
import sys, tensorflow_datasets as tfds
for split in ("train", "val"):
    print(*sorted(r["id"].decode() for r in tfds.as_numpy(tfds.builder_from_directory(sys.argv[1]).as_dataset(split))))
"""
    assert len(helpers.run_python(code, folder).split()) == 10


@pytest.mark.slow
@pytest.mark.real_data
def test_every_odd_file_is_a_record_or_a_reject_exactly_once(real_data, tmp_path):
    """Truncated, fuzzed, CMYK, 16-bit, bombs: 349 files, none stops the run, none is lost, none is counted twice."""
    odd = real_data / "odd_images"
    flags = ("--max_reject_fraction=1", "--min_side=1", "--shard_examples=64", "--size=16", *helpers.NO_FILTERS)
    folder = helpers.prepare(odd, tmp_path, *flags)
    files = sorted(str(path.relative_to(odd)) for path in odd.rglob("*") if path.is_file())
    rejects = [json.loads(line)["id"] for path in folder.glob("rejects/*") for line in path.open()]
    records = helpers.run_python(IDS, folder).splitlines()
    assert sorted(rejects + records) == files
    assert 200 < len(records) < 300
    told = helpers.manifest(folder)["pictures"]
    assert (told["read"], told["kept"], sum(told["rejected"].values())) == (len(files), len(records), len(rejects))


IDS = """
import sys
from pathlib import Path
from tintmill.pipeline.dataset import record
from tintmill.pipeline.dataset import checks

for shard in sorted(Path(sys.argv[1]).glob("*.tfrecord-*")):
    for data in record.read_frames(shard.open("rb")):
        print(checks.parse_record(data)["id"].decode())
"""


def test_a_worker_s_own_words_are_told_whatever_the_runner_says(tmp_path, monkeypatch):
    """An engine that tries a step again may tell only the trouble of its last attempt."""
    from tintmill.pipeline.beam import job, supervise
    from tintmill.pipeline.beam.runners import Runner

    def run(*_):
        (tmp_path / "last_error.txt").write_text("the worker on node7 has tensorflow missing")
        raise RuntimeError("java.lang.RuntimeException: CANCELLED: call already cancelled")

    plan = SimpleNamespace(path=lambda *parts: str(tmp_path.joinpath(*parts)), folder=str(tmp_path), counts=())
    reports = SimpleNamespace(plan=plan, todo=2, built=0, read=0, look=lambda: None)
    monkeypatch.setattr(job, "run", run)
    with pytest.raises(TintmillError, match="failed: the worker on node7 has tensorflow missing; 0 of 2 shards"):
        supervise.build_shards(reports, Runner("flink"))
    assert not list(tmp_path.iterdir())


def test_a_bucket_that_is_gone_does_not_hide_the_cause(tmp_path, monkeypatch):
    """Where the worker's words cannot be read or removed, what the runner says is told."""
    from tintmill.pipeline.beam import job, supervise
    from tintmill.pipeline.beam.runners import Runner

    begun = []

    def run(*_):
        begun.append(True)
        raise RuntimeError(
            "TintmillError: gs://photos/in/7.jpg: no success in 60 s, at last 503 [while running 'Build']"
        )

    def refuse_once_begun(path):
        if begun:
            raise TintmillError(f"{path}: no success in 60 s, a moment ago")
        raise FileNotFoundError

    plan = SimpleNamespace(path=lambda *parts: str(tmp_path.joinpath(*parts)), folder=str(tmp_path), counts=())
    reports = SimpleNamespace(plan=plan, todo=2, built=0, read=0, look=lambda: None)
    monkeypatch.setattr(job, "run", run)
    monkeypatch.setattr(supervise.files, "read", refuse_once_begun)
    monkeypatch.setattr(supervise.files, "remove", refuse_once_begun)
    with pytest.raises(TintmillError, match=r"failed: gs://photos/in/7\.jpg: no success in 60 s, at last 503; 0 of 2"):
        supervise.build_shards(reports, Runner("flink"))


def test_a_program_is_told_as_the_command_is(tmp_path):
    """An output inside the input: refused before anything is written, without a flag being read."""
    from tintmill.pipeline.dataset.settings import Settings
    from tintmill.pipeline.prepare import PrepareArguments, prepare

    arguments = PrepareArguments(output=str(tmp_path / "data"), input=str(tmp_path))
    with pytest.raises(TintmillError, match=r"--output=.*/data lies inside --input="):
        prepare(arguments, Settings(name="toy", embedder=None))
    assert not list(tmp_path.iterdir())
