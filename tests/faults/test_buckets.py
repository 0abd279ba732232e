"""A bucket that goes away while prepare runs: said within two minutes in all, by its cause, and a rerun goes on."""

import threading
import time

import pytest

from tests.support import helpers
from tests.support.gcs import answer

pytestmark = pytest.mark.faults

BOUND = 120  # seconds from the fault to the end of the run, on a machine that has a core to spare
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def reset(handler, request):
    """As an emulator that was killed."""
    handler.reset()


def keep_silent(handler, request):
    """As behind a firewall that drops packets."""
    threading.Event().wait(300)


FAULTS = {
    "nothing listens": (reset, "no success in 60 s"),
    "never answers": (keep_silent, "no success in 60 s"),
    "503": (answer(503, "backend is down"), "no success in 60 s, at last .*backend is down"),
    "permission lost": (answer(403, "no access"), "refused (403: no access)"),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("fault", "said"), FAULTS.values(), ids=FAULTS)
def test_a_bucket_that_goes_away_is_said_in_two_minutes_by_its_cause(
    bucket, photos, plain_dataset, fault, said, workers
):
    bucket.upload(photos, "photos")
    bucket.storage.forget()
    gone = []

    def lose(handler, request):
        gone.append(time.monotonic())
        for method in METHODS:
            bucket.storage.fault(method, "", fault)
        fault(handler, request)

    bucket.storage.fault("GET", "photo_007.*alt=media", lose, 1)
    flags = helpers.prepare_flags(bucket / "photos", bucket / "out", workers=workers)
    done = helpers.tintmill("prepare", *flags)
    took = time.monotonic() - gone[0]
    print(f"{took:.0f} s: {helpers.last_line(done.stderr)}")
    helpers.assert_one_line_error(done, "gs://", said.split(", at last")[0], "are finished and kept")
    assert "last_error" not in done.stderr
    assert took < BOUND
    bucket.storage.forget()
    again = helpers.tintmill("prepare", *flags)
    assert again.returncode == 0, again.stderr
    kept = {name.rpartition("/")[2]: bucket.get(name) for name in bucket.names() if ".tfrecord-" in name}
    assert kept == {path.name: path.read_bytes() for path in helpers.shard_files(plain_dataset)}
