"""The demo command. `make demo` runs it as a whole; the commands that it starts have tests of their own."""

from tests.support.helpers import assert_one_line_error, tintmill


def test_photos_that_are_no_folder_are_refused_before_anything_is_made(tmp_path):
    flags = ("--photos=nowhere", f"--output={tmp_path}/demo", "--embedder_weights=random")
    assert_one_line_error(tintmill("demo", *flags), "--photos=nowhere: wanted a folder")
    assert not (tmp_path / "demo").exists()
