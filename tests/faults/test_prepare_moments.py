"""Faults of prepare at an exact moment: the disk full for one file, a source file gone or written behind its back."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from tests.support import helpers

pytestmark = pytest.mark.faults

FLAGS = ("--shard_examples=6", "--splits=train:0.7,val:0.3")
PICTURES = 24

# Does ACTION just before the file whose path contains MOMENT is begun, once; found on PYTHONPATH at start. The writer's
# temporary file has a random name: what it is to become stands in the caller's variable.
AT_A_MOMENT = """
import builtins, os, sys

_open = builtins.open

def open(file, *arguments, **options):
    if ".tmp-" in str(file) and os.environ["MOMENT"] in str(sys._getframe(1).f_locals["path"]):
        builtins.open = _open
        exec(os.environ["ACTION"])
    return _open(file, *arguments, **options)

builtins.open = open
"""

FILL = """
with _open(os.environ["FILLER"], "wb", buffering=0) as f:
    try:
        while True:
            f.write(bytes(4096))
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return helpers.write_photos(tmp_path_factory.mktemp("photos"), PICTURES)


@pytest.fixture(scope="module")
def undisturbed(photos, tmp_path_factory) -> Path:
    return helpers.prepare(photos, tmp_path_factory.mktemp("undisturbed"), *FLAGS)


def prepare_disturbed(photos, output, site: Path, moment: str, action: str, **env):
    """Runs prepare, with `action` happening just before `moment`."""
    env |= {"MOMENT": moment, "ACTION": action}
    return helpers.tintmill(
        "prepare", *helpers.prepare_flags(photos, output, *FLAGS), env=helpers.site(site, AT_A_MOMENT) | env
    )


MOMENTS = (
    "reports/val-00000",
    "manifest.json",
    "croissant.json",
    "contact_sheet.png",
    "features.json",
    "dataset_info.json",
)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_disk_full_for_one_file_is_told_in_one_line_and_overcome(photos, undisturbed, small_disk, tmp_path, moment):
    """No space for a report, or for a file of the metadata: one line that names the folder and the cause, no half file
    under a final name, every committed shard kept; with space again the same command gives the bytes of no fault."""
    filler = small_disk / "filler"
    done = prepare_disturbed(photos, small_disk, tmp_path / "site", moment, FILL, FILLER=str(filler))
    helpers.assert_one_line_error(done, str(small_disk), "No space left on device")
    folder = small_disk / "toy" / "1.0.0"
    wanted = helpers.digests(undisturbed)
    assert not any(moment in name for name in helpers.digests(folder))
    assert helpers.digests(folder).items() <= wanted.items()
    kept = {path: path.stat().st_mtime_ns for path in committed_shards(folder)}
    filler.unlink()
    helpers.prepare(photos, small_disk, *FLAGS)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert helpers.digests(folder) == wanted


def committed_shards(folder: Path) -> list[Path]:
    return [folder / json.loads(path.read_text())["file"] for path in folder.glob("reports/*.json")]


@contextlib.contextmanager
def put_back(path: Path):
    """Afterwards `path` has its bytes and its time of now."""
    data, info = path.read_bytes(), path.stat()
    yield
    path.write_bytes(data)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


CHANGES = {
    "deleted": "os.remove(os.environ['VICTIM'])",
    "written": "_open(os.environ['VICTIM'], 'r+b').write(b'other bytes')",  # of the same size
    "cut": "os.truncate(os.environ['VICTIM'], 100)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_picture_that_changes_before_it_is_read_is_left_out_and_comes_back(photos, undisturbed, tmp_path, change):
    """A source file is deleted, written or cut after the listing, before it is read: it is left out with its reason,
    all other shards are those of no fault; once it is as it was, the same command builds its shard again, to the bytes
    of no fault."""
    victim = photos / "cat" / "photo_006.png"
    with put_back(victim):
        done = prepare_disturbed(photos, tmp_path, tmp_path / "site", ".tfrecord-", CHANGES[change], VICTIM=str(victim))
        assert done.returncode == 0, done.stderr
        assert "left out: 1 changed" in done.stderr
    folder = tmp_path / "toy" / "1.0.0"
    rejects = [json.loads(line) for path in folder.glob("rejects/*") for line in path.open()]
    assert rejects == [{"id": "cat/photo_006.png", "code": "changed"}]
    shards = {name for name in helpers.digests(folder) if ".tfrecord-" in name}
    other = {name for name in shards if helpers.digests(folder)[name] != helpers.digests(undisturbed)[name]}
    assert len(other) == 1
    assert helpers.tintmill("verify", folder).returncode == 0
    kept = {path: path.stat().st_mtime_ns for path in committed_shards(folder) if path.name not in other}
    helpers.prepare(photos, tmp_path, *FLAGS)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert helpers.digests(folder) == helpers.digests(undisturbed)


@pytest.mark.parametrize("change", CHANGES)
def test_a_picture_that_changes_before_the_job_lists_it_is_an_error_and_comes_back(
    photos, undisturbed, tmp_path, change
):
    """A source file is deleted, written or cut between the plan's listing and the job's: nothing is published, one line
    says that the input changed; once it is as it was, the same command builds its shard again, to the bytes of no
    fault."""
    victim = photos / "dog" / "photo_009.png"
    with put_back(victim):
        done = prepare_disturbed(photos, tmp_path, tmp_path / "site", "plan.json", CHANGES[change], VICTIM=str(victim))
        helpers.assert_one_line_error(done, f"--input={photos}", "changed while it was read", "put it back")
    folder = tmp_path / "toy" / "1.0.0"
    assert not (folder / "manifest.json").exists()
    before = {path: path.stat().st_mtime_ns for path in committed_shards(folder)}
    helpers.prepare(photos, tmp_path, *FLAGS)
    assert sum(path.stat().st_mtime_ns != before[path] for path in before) == 1
    assert helpers.digests(folder) == helpers.digests(undisturbed)
