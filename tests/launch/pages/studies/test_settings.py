"""The settings of a study, and its folder."""

from tintmill.launch.pages.studies import settings


def test_the_study_is_the_same_under_the_same_flags(folders, prepared):
    study = prepared["2afc"]
    settings.check_same(study, {"real": str(folders / "real"), "questions": 6})
    assert settings.load(study.folder) == study
