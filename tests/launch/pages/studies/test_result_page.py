"""The result of a study as text and as a page; tests of the command read both."""

from tests.support import studies
from tintmill.launch.pages.studies import result, result_page


def test_a_study_without_answers_has_a_report(folders, tmp_path):
    study = studies.make(folders, tmp_path)
    text = result_page.format_table(result.summarise(study, []))
    assert "0 participants counted" in text
    assert result_page.render(study, result.summarise(study, []))
