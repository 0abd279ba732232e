"""Fixtures shared by the tests of pages and of the commands that serve them."""

from pathlib import Path

import pytest

from tests.support import studies
from tintmill.launch.pages.studies import settings
from tintmill.launch.pages.studies.settings import Study


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    return studies.write_folders(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="module")
def prepared(folders, tmp_path_factory) -> dict[str, Study]:
    """A prepared study of each mode."""
    made = tmp_path_factory.mktemp("studies")
    return {mode: studies.make(folders, made / mode, mode=mode) for mode in settings.MODES}
