"""gs://: reading, writing and preparing on an emulator, with the faults that networks and other writers make."""

import io
import json
import os
import subprocess
import threading
import time
import zipfile

import pytest

from tests.support import helpers
from tests.support.gcs import Bucket, answer, cut_the_upload, flip_a_byte, lose_the_answer, reset_in_the_body, then
from tests.support.source_files import contents, listed
from tintmill.pipeline.common import files, gcs
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.shards import plan, publish, resume

DATA = os.urandom(300_000)
OBJECTS, MEDIA, UPLOAD = r"/o\b", "alt=media", "^/upload/"  # what a request's path tells; Google's client asks for more
FAILS_AND_RECOVERS = {
    "503 twice": (answer(503), 2),
    "429 once": (answer(429, **{"Retry-After": "1"}), 1),
}


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(gcs, "DEADLINE", 0.3)


# Files


def test_what_is_written_is_read_whole_and_in_parts(bucket):
    path = bucket / "folder/file"
    files.write(path, DATA)
    assert files.read(path) == DATA
    with files.open_read(path) as f:
        assert f.read(10) == DATA[:10]
        assert f.seek(-10, os.SEEK_END) == len(DATA) - 10
        assert f.read() == DATA[-10:]
        f.seek(1000)
        assert f.read(50) == DATA[1000:1050]


def test_a_file_that_is_read_through_comes_in_ever_larger_parts(bucket):
    data = os.urandom(20 << 20)
    bucket.put("large", data)
    bucket.storage.forget()
    with files.open_read(bucket / "large") as f:
        assert b"".join(iter(lambda: f.read(100_000), b"")) == data
    assert bucket.storage.count("GET", MEDIA) <= 9


def test_of_a_file_that_is_sought_in_little_more_is_fetched_than_is_read(bucket):
    data = os.urandom(20 << 20)
    bucket.put("large", data)
    bucket.storage.forget()
    with files.open_read(bucket / "large") as f:
        for place in (15 << 20, 1 << 20, 10 << 20, 5 << 20):
            f.seek(place)
            assert f.read(30) == data[place : place + 30]
            assert f.read(100_000) == data[place + 30 : place + 100_030]
    assert bucket.storage.count("GET", MEDIA) == 4
    assert bucket.storage.sent < 5 * (256 << 10)


def test_pictures_are_fetched_several_at_a_time_and_come_in_order(bucket):
    names = [f"in/{i:02d}.jpg" for i in range(20)]
    for name in names:
        bucket.put(name, name.encode())
    found = listed("folder", bucket / "in")
    together = threading.Barrier(4, timeout=helpers.TIMEOUT)
    bucket.storage.fault("GET", MEDIA, then(together.wait), 4)
    assert list(contents(found.values()).values()) == [name.encode() for name in names]


def test_files_are_listed_by_name_with_size_and_generation(bucket):
    generations = {name: bucket.put(name, b"12") for name in ("a/b/2", "a/b/1", "a/3", "ab")}
    found = list(files.list_files(bucket / "a"))
    assert [(entry.name, entry.size, entry.version) for entry in found] == [
        (name.removeprefix("a/"), 2, generations[name]) for name in ("a/3", "a/b/1", "a/b/2")
    ]
    assert len(list(files.list_files(bucket.url))) == 4
    assert files.list_names(bucket.url) == ["a", "ab"]


def test_files_and_folders_exist_once_something_is_there(bucket):
    bucket.put("a/b", b"")
    assert [files.exists(bucket / name) for name in ("a", "a/b", "b", "a/bc")] == [True, True, False, False]
    files.remove(bucket / "a/b")
    assert not files.exists(bucket / "a")


@pytest.mark.parametrize(
    "pattern",
    [
        "*.jpg",
        "*/*.jpg",
        "**/*.jpg",
        "a/**",
        "**/b/*",
        "[ab]/?.jpg",
        "[!a]/*",
        "a/*/b/*.png",
        "a/**/1.jpg",
        "a[!b]*/*",
    ],
)
def test_a_pattern_matches_in_a_bucket_what_it_matches_in_a_folder(bucket, tmp_path, pattern):
    for name in ("1.jpg", "a/1.jpg", "a/22.jpg", "b/1.jpg", "a/b/1.jpg", "a/c/b/2.png", "c/d/e/3.jpg", "a.jpg/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    bucket.upload(tmp_path, "top")
    local = [(entry.name, entry.path.removeprefix(f"{tmp_path}/")) for entry in files.match(str(tmp_path / pattern))]
    found = files.match(bucket / f"top/{pattern}")
    assert [(entry.name, entry.path.removeprefix(bucket / "top/")) for entry in found] == local
    assert local


@pytest.mark.parametrize("pattern", ["[z-a]/*", "a[!b]1.jpg"])
def test_a_set_that_holds_nothing_and_a_slash_match_nothing(bucket, pattern):
    bucket.put("top/a/1.jpg", b"")
    assert list(files.match(bucket / f"top/{pattern}")) == []


@pytest.mark.parametrize("path", ["s3://bucket/a", "hdfs://host/a", "gs:///a"])
def test_another_kind_of_url_is_refused_by_what_is_wanted(path):
    with pytest.raises(TintmillError, match=r"wanted a local path or gs://BUCKET/PATH"):
        files.read(path)


def test_without_credentials_the_error_tells_how_to_get_some(tmp_path):
    env = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json"), "STORAGE_EMULATOR_HOST": ""}
    done = helpers.tintmill("verify", "gs://bucket/toy/1.0.0", env=env)
    helpers.assert_one_line_error(done, "no Google credentials", "gcloud auth application-default login")


# Faults


@pytest.mark.parametrize(("fault", "times"), FAILS_AND_RECOVERS.values(), ids=FAILS_AND_RECOVERS)
@pytest.mark.parametrize("kind", ["read", "write", "list", "delete"])
def test_what_fails_for_a_while_is_done_in_the_end(bucket, fault, times, kind):
    bucket.put("there", DATA)
    method, what = {
        "read": ("GET", lambda: files.read(bucket / "there")),
        "write": ("POST", lambda: files.write(bucket / "new", DATA)),
        "list": ("GET", lambda: list(files.list_files(bucket.url))),
        "delete": ("DELETE", lambda: files.remove(bucket / "there")),
    }[kind]
    bucket.storage.forget()
    bucket.storage.fault(method, OBJECTS, fault, times)
    what()
    assert bucket.storage.count(method, OBJECTS) == times + 1
    assert bucket.names() == {"write": ["new", "there"], "delete": []}.get(kind, ["there"])


def test_a_server_that_never_recovers_is_one_error(bucket, impatient):
    bucket.put("there", DATA)
    bucket.storage.fault("GET", MEDIA, answer(503, "backend is down"))
    with pytest.raises(TintmillError, match=rf"{bucket.url}/there: no success in 0.3 s, at last .*backend is down"):
        files.read(bucket / "there")


def test_once_a_request_was_given_up_the_others_fail_at_once_and_name_the_cause(bucket, monkeypatch):
    """A command that ends asks several times more; each would take until the deadline."""
    monkeypatch.setattr(gcs, "DEADLINE", 4.0)
    bucket.put("there", DATA)
    bucket.storage.fault("GET", MEDIA, answer(503, "backend is down"))
    with pytest.raises(TintmillError, match="no success in 4 s"):
        files.read(bucket / "there")
    bucket.storage.forget()
    requests = {
        "read": lambda: files.read(bucket / "other"),
        "write": lambda: files.write(bucket / "other", DATA),
        "list": lambda: list(files.list_files(bucket.url)),
        "delete": lambda: files.remove(bucket / "there"),
        "exists": lambda: files.exists(bucket / "other"),
    }
    for ask in requests.values():
        with pytest.raises(
            TintmillError, match=rf"{bucket.url}.*: no success in 4 s, .*backend is down.*, a moment ago"
        ):
            ask()
    assert bucket.storage.requests == []


def test_a_bucket_that_comes_back_is_asked_again(bucket, impatient):
    bucket.put("there", DATA)
    bucket.storage.fault("GET", MEDIA, answer(503))
    with pytest.raises(TintmillError, match="no success"):
        files.read(bucket / "there")
    bucket.storage.forget()
    time.sleep(0.3)
    assert files.read(bucket / "there") == DATA


def test_a_bucket_that_is_gone_says_nothing_of_another(bucket, impatient):
    bucket.storage.fault("GET", "bucket-gone", answer(503))
    with pytest.raises(TintmillError, match="no success"):
        files.read("gs://bucket-gone/there")
    bucket.put("there", DATA)
    assert files.read(bucket / "there") == DATA


def test_a_download_that_is_reset_goes_on_where_it_was(bucket):
    bucket.put("there", DATA)
    bucket.storage.fault("GET", MEDIA, reset_in_the_body, 2)
    assert files.read(bucket / "there") == DATA
    assert bucket.storage.count("GET", MEDIA) == 3


def test_a_part_whose_download_is_reset_is_whole(bucket):
    bucket.put("there", DATA)
    bucket.storage.fault("GET", MEDIA, reset_in_the_body, 1)
    with files.open_read(bucket / "there") as f:
        f.seek(1000)
        assert f.read() == DATA[1000:]


def test_bytes_that_do_not_fit_their_checksum_are_downloaded_again(bucket):
    bucket.put("there", DATA)
    bucket.storage.fault("GET", MEDIA, flip_a_byte, 2)
    assert files.read(bucket / "there") == DATA


def test_bytes_that_never_fit_their_checksum_are_refused(bucket):
    bucket.put("there", DATA)
    bucket.storage.fault("GET", MEDIA, flip_a_byte)
    with pytest.raises(TintmillError, match=rf"{bucket.url}/there: 3 downloads, and none had the bucket's CRC-32C"):
        files.read(bucket / "there")


@pytest.mark.parametrize("kind", ["read", "write", "list"])
def test_a_refusal_is_one_error_at_once_and_names_the_permission(bucket, kind):
    bucket.put("there", DATA)
    bucket.storage.forget()
    method = "POST" if kind == "write" else "GET"
    bucket.storage.fault(method, OBJECTS, answer(403, "no-one@example.org has no access"))
    wanted = "storage.objects.create" if kind == "write" else "storage.objects.get"
    with pytest.raises(TintmillError, match=rf"{bucket.url}.*403: no-one@example.org has no access.* needs {wanted}"):
        {
            "read": lambda: files.read(bucket / "there"),
            "write": lambda: files.write(bucket / "there", b""),
            "list": lambda: list(files.list_files(bucket.url)),
        }[kind]()
    assert bucket.storage.count(method, OBJECTS) == 1


@pytest.mark.parametrize("size", [300_000, 9 << 20], ids=["in one request", "resumable"])
@pytest.mark.parametrize("fault", [cut_the_upload, lose_the_answer, answer(503)], ids=["cut", "answer lost", "503"])
def test_an_upload_that_is_cut_off_is_whole_in_the_end(bucket, size, fault):
    data = os.urandom(size)
    bucket.storage.fault("PUT" if size > 8 << 20 else "POST", UPLOAD, fault, 1)
    files.write(bucket / "new", data)
    assert bucket.get("new") == data


def test_of_an_upload_that_is_always_cut_off_nothing_shows(bucket, impatient):
    bucket.storage.fault("POST", UPLOAD, cut_the_upload)
    with pytest.raises(TintmillError, match=rf"{bucket.url}/new: no success in"):
        files.write(bucket / "new", DATA)
    assert bucket.names() == []


def test_of_a_failed_writer_nothing_is_uploaded(bucket):
    with pytest.raises(TypeError), files.atomic_writer(bucket / "new") as f:
        f.writelines([b"half", "no bytes"])
    assert bucket.names() == []


def test_a_missing_bucket_is_one_error(bucket):
    for what in (lambda: list(files.list_files("gs://nowhere/a")), lambda: files.write("gs://nowhere/a", b"")):
        with pytest.raises(TintmillError, match="gs://nowhere: no such bucket"):
            what()


# Generations


def test_what_another_has_written_is_not_replaced(bucket):
    path = bucket / "file"
    seen = files.generation(path)
    assert seen == 0
    bucket.put("file", b"another's")
    with pytest.raises(FileExistsError):
        files.write(path, b"mine", seen)
    assert bucket.get("file") == b"another's"
    files.write(path, b"mine", files.generation(path))
    assert bucket.get("file") == b"mine"


@pytest.mark.parametrize("size", [300_000, 9 << 20], ids=["in one request", "resumable"])
def test_a_write_whose_answer_was_lost_has_not_been_beaten_by_itself(bucket, size):
    data = os.urandom(size)
    bucket.storage.fault("PUT" if size > 8 << 20 else "POST", UPLOAD, lose_the_answer, 1)
    files.write(bucket / "file", data, 0)
    assert bucket.get("file") == data


def changed(kind: str, bucket: Bucket) -> dict[str, bytes | str]:
    """What comes of a picture that is written anew, at the same size, once it was listed."""
    name, first, second = {
        "file": ("in/a.jpg", b"first", b"other"),
        "zip": ("in.zip", zipped(b"first"), zipped(b"other")),
        "tar": ("in.tar", tarred(b"first", ""), tarred(b"other", "")),
        "targz": ("in.tar.gz", tarred(b"first", "gz"), tarred(b"other", "gz")),
    }[kind]
    bucket.put(name, first)
    found = listed("folder", bucket / name.partition("/")[0])
    assert contents(found.values()) == {"a.jpg": b"first"}
    bucket.put(name, second)
    return contents(found.values())


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jpg", data)
    return buffer.getvalue()


def tarred(data: bytes, compression: str) -> bytes:
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as archive:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["file", "zip", "tar", "targz"])
def test_a_picture_that_changed_since_it_was_listed_is_rejected(bucket, kind, monkeypatch):
    monkeypatch.setattr(gcs, "_FIRST_PART", 1)  # or small archives would be here whole
    assert changed(kind, bucket) == {"a.jpg": "changed"}


def test_a_list_in_a_bucket_names_pictures_beside_it_and_elsewhere(bucket):
    bucket.put("in/a.jpg", b"a")
    bucket.put("else/b.jpg", b"b")
    bucket.put("in/list.csv", f"path,label\na.jpg,x\n{bucket / 'else/b.jpg'},y\ngone.jpg,x\n".encode())
    found = listed("folder", bucket / "in/list.csv")
    assert contents(found.values()) == {"a.jpg": b"a", bucket / "else/b.jpg": b"b", "gone.jpg": "unreadable"}


def test_a_picture_that_is_gone_since_it_was_listed_is_rejected(bucket):
    bucket.put("in/a.jpg", DATA)
    found = listed("folder", bucket / "in")
    bucket.delete("in/a.jpg")
    assert contents(found.values()) == {"a.jpg": "changed"}


def test_an_archive_that_changes_while_it_is_listed_is_an_error_and_no_mixture(bucket):
    bucket.put("in.zip", zipped(b"first"))
    about = "^/storage/v1/b/[^/]+/o/in.zip"  # it is asked for what there is to list, then for its end
    bucket.storage.fault("GET", about, then(lambda: None), 1)
    bucket.storage.fault("GET", about, then(lambda: bucket.put("in.zip", zipped(b"other"))), 1)
    with pytest.raises(FileNotFoundError, match="no longer this version"):
        listed("folder", bucket / "in.zip")


@pytest.mark.parametrize("fault", [answer(403), answer(503)], ids=["403", "503"])
def test_a_bucket_that_does_not_answer_is_no_reject(bucket, fault, impatient):
    """Else a bad hour of the network would leave pictures out, and the dataset would depend on it."""
    bucket.put("in/a.jpg", DATA)
    found = listed("folder", bucket / "in")
    bucket.storage.fault("GET", MEDIA, fault)
    with pytest.raises(TintmillError, match=rf"{bucket.url}/in/a.jpg"):
        contents(found.values())


# Runs that race


def begun(bucket: Bucket, size: int = 32) -> tuple[plan.Plan, resume.Claim]:
    """As `tintmill prepare` begins."""
    the_plan = plan.make_plan(
        Settings(name="toy", size=size, embedder=None, splits=(("train", 1.0),)), bucket / "in", bucket / "out"
    )
    resume.check_resumable(the_plan)
    return the_plan, resume.begin(the_plan)


def test_a_folder_that_was_begun_with_other_settings_is_refused(bucket):
    bucket.put("in/a.jpg", DATA)
    begun(bucket)
    with pytest.raises(TintmillError, match=r"begun with other settings: size 32 -> 64"):
        begun(bucket, 64)
    begun(bucket)


def test_of_two_that_begin_at_once_with_other_settings_the_second_is_refused(bucket):
    bucket.put("in/a.jpg", DATA)
    the_plan, _ = begun(bucket)
    first = bucket.get("out/plan.json")
    bucket.delete("out/plan.json")
    bucket.storage.fault("POST", UPLOAD, then(lambda: bucket.put("out/plan.json", first)), 1)
    with pytest.raises(TintmillError, match=r"begun with other settings: size 32 -> 64"):
        begun(bucket, 64)
    assert bucket.get("out/plan.json") == first
    assert resume.check_resumable(the_plan) is None


def test_a_plan_that_appears_while_a_run_begins_is_compared(bucket):
    bucket.put("in/a.jpg", DATA)
    begun(bucket)
    first = bucket.get("out/plan.json")
    for size in (32, 64):
        bucket.delete("out/plan.json")
        bucket.storage.fault("GET", "prefix=out%2F&", then(lambda: bucket.put("out/plan.json", first)), 1)
        if size == 32:
            begun(bucket, size)
    with pytest.raises(TintmillError, match=r"begun with other settings: size 32 -> 64"):
        begun(bucket, size)


def test_a_manifest_that_another_run_published_meanwhile_stays(bucket):
    bucket.put("in/a.jpg", DATA)
    the_plan, claim = begun(bucket)
    bucket.put("out/manifest.json", b"another's")
    with pytest.raises(TintmillError, match=r"out/manifest.json was published by another run"):
        publish.write_manifest(the_plan, claim, "mine")
    assert bucket.get("out/manifest.json") == b"another's"


def test_a_run_whose_folder_was_taken_from_it_publishes_nothing(bucket):
    bucket.put("in/a.jpg", DATA)
    the_plan, claim = begun(bucket)
    bucket.delete("out/plan.json")
    begun(bucket, 64)
    with pytest.raises(TintmillError, match=r"out/plan.json was deleted or written since"):
        publish.write_manifest(the_plan, claim, "mine")
    assert "out/manifest.json" not in bucket.names()


def start(photos, output, *flags) -> subprocess.Popen:
    return helpers.start(helpers.command_line("prepare", *helpers.prepare_flags(photos, output, *flags)))


@pytest.mark.slow
def test_of_two_racing_runs_with_other_settings_one_makes_its_dataset_whole(bucket, photos, plain_dataset):
    runs = [start(photos, bucket / "out"), start(photos, bucket / "out", "--fit=pad")]
    said = [run.communicate(timeout=helpers.TIMEOUT)[1] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 1], said
    assert "was begun with other settings: fit" in said[0] + said[1]
    done = helpers.tintmill("verify", bucket / "out/toy/1.0.0")
    assert done.returncode == 0, done.stdout
    if runs[0].returncode == 0:
        assert_same_shards(bucket, plain_dataset)


@pytest.mark.slow
def test_two_racing_runs_with_the_same_settings_both_succeed(bucket, photos, plain_dataset):
    runs = [start(photos, bucket / "out"), start(photos, bucket / "out")]
    for run in runs:
        said = run.communicate(timeout=helpers.TIMEOUT)[1]
        assert run.returncode == 0, said
    assert_same_shards(bucket, plain_dataset)


# Commands


def assert_same_shards(bucket: Bucket, local) -> None:
    shards = {path.name: path.read_bytes() for path in helpers.shard_files(local)}
    names = [name for name in bucket.names() if ".tfrecord-" in name]
    assert {name.rpartition("/")[2]: bucket.get(name) for name in names} == shards


def prepared(bucket: Bucket, photos: str, *flags, workers: int = 1) -> str:
    """Prepares from the bucket into the bucket, which must succeed; returns the dataset's URL."""
    done = helpers.tintmill("prepare", *helpers.prepare_flags(photos, bucket / "out", *flags, workers=workers))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == bucket / "out/toy/1.0.0"
    return done.stdout.strip()


@pytest.mark.slow
def test_a_dataset_from_a_bucket_is_the_local_one_to_the_byte(bucket, photos, plain_dataset):
    bucket.upload(photos, "photos")
    bucket.storage.fault("GET", MEDIA, reset_in_the_body, 2)
    bucket.storage.fault("POST", UPLOAD, answer(503), 2)
    made = prepared(bucket, bucket / "photos", workers=2)
    assert_same_shards(bucket, plain_dataset)
    assert {name.rpartition("/")[2] for name in bucket.names() if name.startswith("out")} == {
        path.name for path in plain_dataset.rglob("*") if path.is_file()
    }
    first, second, *_ = helpers.shard_files(plain_dataset)
    generation = files.generation(f"{made}/{first.name}")
    bucket.put(f"out/toy/1.0.0/{second.name}", bytes(second.stat().st_size))
    prepared(bucket, bucket / "photos")  # builds again what is no longer what was committed, and no more
    assert_same_shards(bucket, plain_dataset)
    assert files.generation(f"{made}/{first.name}") == generation


@pytest.mark.slow
def test_a_killed_run_goes_on_and_makes_the_same_dataset(bucket, photos, plain_dataset):
    bucket.storage.fault("POST", UPLOAD, then(lambda: time.sleep(0.3)))
    run = start(photos, bucket / "out")
    helpers.wait_until(lambda: any("reports/" in name for name in bucket.names()), run)
    helpers.kill_group(run)
    reports = [entry.path for entry in files.list_files(bucket / "out/toy/1.0.0/reports")]
    committed = [bucket / f"out/toy/1.0.0/{json.loads(files.read(path))['file']}" for path in reports]
    assert len(committed) < len(helpers.shard_files(plain_dataset))
    before = [files.generation(path) for path in committed]
    bucket.storage.forget()
    prepared(bucket, photos)
    assert [files.generation(path) for path in committed] == before
    assert_same_shards(bucket, plain_dataset)


@pytest.mark.parametrize("kind", ["zip", "pattern"])
def test_an_archive_or_pattern_in_a_bucket_makes_the_same_dataset(bucket, photos, plain_dataset, tmp_path, kind):
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
            for path in photos.rglob("*.*"):
                archive.write(path, path.relative_to(photos))
        bucket.put("photos.zip", (tmp_path / "photos.zip").read_bytes())
    else:
        bucket.upload(photos, "photos")
    prepared(bucket, bucket / ("photos.zip" if kind == "zip" else "photos/**/*.*"))
    assert_same_shards(bucket, plain_dataset)


@pytest.mark.slow
def test_a_refusal_while_shards_are_built_ends_the_run_with_one_line(bucket, photos):
    bucket.upload(photos, "photos")
    bucket.storage.fault("GET", f"photo_007.*{MEDIA}", answer(403, "no access"))
    done = helpers.tintmill("prepare", *helpers.prepare_flags(bucket / "photos", bucket / "out"))
    helpers.assert_one_line_error(done, "photo_007", "403: no access", "run the same command again")
    assert not any("manifest" in name for name in bucket.names())


def test_verify_finds_in_a_bucket_what_it_finds_on_disk(bucket, plain_dataset):
    bucket.upload(plain_dataset, "toy/1.0.0")
    done = helpers.tintmill("verify", bucket / "toy/1.0.0")
    assert done.returncode == 0, done.stdout
    shard = helpers.shard_files(plain_dataset)[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    bucket.put(f"toy/1.0.0/{shard.name}", bytes(data))
    done = helpers.tintmill("verify", bucket / "toy/1.0.0")
    helpers.assert_one_line_error(done, bucket / "toy/1.0.0", "defects")
    assert f"DEFECT {shard.name}: its sha256 is not the manifest's" in done.stdout


@pytest.mark.parametrize("command", ["verify", "peek"])
def test_looking_into_a_bucket_loads_neither_beam_nor_tensorflow(bucket, plain_dataset, command):
    bucket.upload(plain_dataset, "toy/1.0.0")
    code = (
        f"import sys; from tintmill.pipeline import {command}; print({command}.run_command(sys.argv[1:]), *sys.modules)"
    )
    *said, modules = helpers.run_python(code, bucket / "toy/1.0.0").strip().split("\n")
    assert modules.split()[0] == "0"
    assert not {"tensorflow", "apache_beam"} & set(modules.split())
    local = helpers.tintmill(command, plain_dataset).stdout.strip().split("\n")
    assert [line.replace(bucket / "toy/1.0.0", str(plain_dataset)) for line in said] == local
