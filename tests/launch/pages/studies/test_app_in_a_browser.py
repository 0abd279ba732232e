"""The study's page in a real browser, at a desk and on a phone."""

import dataclasses
import os

import pytest

from tests.support import pages, studies
from tintmill.launch.pages.studies import app, result, result_page, settings
from tintmill.launch.pages.studies.answers import Answers

SECONDS = 0.4  # pictures are shown

# Writes down the width of each picture that appears, however briefly: a slow test might look too late.
RECORD_PICTURES = """() => {
  window.widths = [];
  const image = document.getElementById("picture-a");
  const look = () => { if (image.checkVisibility({ visibilityProperty: true })) widths.push(image.naturalWidth); };
  new MutationObserver(look).observe(document.getElementById("pictures"), { attributeFilter: ["class"] });
}"""


@pytest.fixture(scope="module")
def browser():
    with pages.open_browser() as opened:
        yield opened


@pytest.fixture(scope="module", params=settings.MODES)
def served(request, tmp_path_factory):
    """(address, mode, answers) of a running study of each mode."""
    folder = tmp_path_factory.mktemp(request.param)
    folders = studies.write_folders(tmp_path_factory.mktemp("folders"))
    study = studies.make(folders, folder, mode=request.param, seconds=SECONDS, questions=3, practice=1, checks=1)
    answers = Answers(study.answers_path)
    with pages.serving_app(app.build(study, answers)) as address:
        yield address, request.param, answers
    answers.close()


def answered(answers: Answers) -> list:
    return [row for row in answers.all() if row.answer]


def assert_on_screen(tab: pages.Tab, *selectors: str) -> None:
    """All of it can be seen without scrolling."""
    height = tab.page.evaluate("window.innerHeight")
    for selector in selectors:
        box = tab.page.locator(selector).bounding_box()
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= height, selector


def test_a_session_by_keyboard_alone(browser, served):
    address, mode, answers = served
    before = len(answered(answers))
    tab = pages.Tab(browser, address)
    key = "a" if mode == "2afc" else "c"
    tab.page.get_by_role("button", name="Begin").focus()
    tab.page.keyboard.press("Enter")  # begin
    tab.page.wait_for_selector("#go:focus")
    tab.page.keyboard.press("Enter")  # show the first
    tab.page.wait_for_selector("[data-answer]:enabled")
    assert_on_screen(tab, "#stage", ".answers")
    tab.page.keyboard.press(key)
    tab.page.wait_for_selector("#next:focus")
    assert tab.page.locator("#feedback").inner_text().split(".")[0] in ("Right", "No")
    tab.page.keyboard.press("Enter")  # on from practice
    tab.page.wait_for_selector("#go:focus")
    tab.page.keyboard.press("Enter")  # it counts now
    for _ in range(4):
        tab.page.wait_for_selector("[data-answer]:enabled")
        tab.page.keyboard.press("ArrowRight")
        tab.page.wait_for_selector("[data-answer]:disabled")
    tab.page.wait_for_selector("#done:not([hidden])")
    assert len(answered(answers)) == before + 5
    assert tab.page.locator("#code").inner_text() in {row.code for row in answered(answers)}
    assert all(url.startswith(address) or url.startswith("data:") for url in tab.asked)
    assert tab.errors == []
    tab.context.close()


def test_pictures_are_hidden_after_their_time_and_answers_are_timed_from_their_showing(browser, served):
    address, _, answers = served
    before = {row.code for row in answers.all()}
    tab = pages.Tab(browser, address)
    tab.page.click("#begin")
    tab.page.wait_for_selector("#go:visible")
    tab.page.evaluate(RECORD_PICTURES)
    tab.page.click("#go")
    tab.page.wait_for_selector("#cover:not([hidden]) >> text=Hidden")
    assert tab.page.evaluate("widths") == [48]  # shown once, in the smallest version
    assert not tab.page.locator("#picture-a").is_visible()
    tab.page.wait_for_timeout(500)
    tab.page.locator("[data-answer]").first.click()
    tab.page.wait_for_selector("#feedback:not(:empty)")
    (time,) = [row.milliseconds for row in answered(answers) if row.code not in before]
    assert time >= 1000 * SECONDS + 500
    tab.context.close()


def test_on_a_phone_all_is_seen_without_scrolling_and_done_by_touch(browser, served):
    address, _, answers = served
    before = len(answered(answers))
    tab = pages.Tab(browser, address, 390, 760, phone=True)
    assert not tab.scrolls_sideways()
    tab.page.tap("#begin")
    tab.page.tap("#go")
    tab.page.wait_for_selector("[data-answer]:enabled")
    assert_on_screen(tab, "#stage", ".answers", "#question")
    assert not tab.scrolls_sideways()
    button = tab.page.locator("[data-answer]").last
    assert button.bounding_box()["height"] >= 44
    button.tap()
    tab.page.wait_for_selector("#feedback:not(:empty)")
    assert_on_screen(tab, "#feedback", "#next")
    assert len(answered(answers)) == before + 1
    tab.context.close()


def test_a_page_that_is_opened_again_goes_on(browser, served):
    address, _, _ = served
    tab = pages.Tab(browser, address)
    tab.page.click("#begin")
    tab.page.click("#go")
    tab.page.wait_for_selector("[data-answer]:enabled")
    tab.page.locator("[data-answer]").first.click()
    tab.page.wait_for_selector("#feedback:not(:empty)")
    tab.page.reload()
    tab.page.wait_for_selector("#go:visible")
    assert tab.page.locator("#part").inner_text() == "Question 1 of 4"
    tab.context.close()


def answer_all(tab: pages.Tab) -> None:
    """From wherever the page stands to the end.

    A step that asks the server leaves the button that began it in sight until the answer comes: while the page is busy,
    no button is the next one.
    """
    while True:
        pressed = tab.page.wait_for_selector(
            "body:not([data-busy]) :is([data-answer]:enabled, #go:visible, #next:visible, #done:visible)"
        )
        if pressed.get_attribute("id") == "done":
            return
        pressed.click()


def test_what_is_pressed_while_the_server_is_asked_starts_nothing(browser, served):
    address, _, _ = served
    tab = pages.Tab(browser, address)
    tab.page.click("#begin")
    tab.page.click("#go")
    tab.page.locator("[data-answer]:enabled").first.click()
    held = []
    tab.page.route("**/next", lambda route: held.append(route))
    with tab.page.expect_request("**/next"):
        tab.page.click("#next")
    tab.page.click("#next")
    while not held:
        tab.page.wait_for_timeout(20)
    held[0].continue_()
    tab.page.wait_for_selector("body:not([data-busy]) #go:visible")
    assert len(held) == 1
    assert tab.errors == []
    tab.context.close()


def test_another_person_at_the_screen_reads_what_is_asked_first(browser, served):
    address, _, answers = served
    before = {row.code for row in answers.all()}
    tab = pages.Tab(browser, address)
    tab.page.click("#begin")
    answer_all(tab)
    assert tab.page.evaluate("document.activeElement.id") == "thanks"  # not a button, which a held key would press
    tab.page.click("#again")
    assert tab.page.locator("#intro").is_visible()
    assert {row.code for row in answers.all()} - before == {tab.page.locator("#code").text_content()}
    tab.page.click("#begin")
    tab.page.wait_for_selector("#go:visible")
    assert tab.page.locator("#part").inner_text() == "Practice 1 of 1"
    assert len({row.code for row in answers.all()} - before) == 2
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(browser, served, scheme):
    """Of the instructions, of a question before, while and after its pictures are shown, of the end."""
    address, _, _ = served
    tab = pages.Tab(browser, address, color_scheme=scheme)
    found = tab.contrasts()
    tab.page.click("#begin")
    for selector in ("#go:visible", "[data-answer]:enabled", "#cover:visible >> text=Hidden", "#next:visible"):
        tab.page.wait_for_selector(selector)
        found += tab.contrasts()
        pressed = {"#go:visible": "#go", "#cover:visible >> text=Hidden": "[data-answer]"}.get(selector)
        if pressed:
            tab.page.locator(pressed).first.click()
    answer_all(tab)
    found += tab.contrasts()
    assert len(found) > 20
    assert [entry for entry in found if entry[0] < 4.5] == []
    tab.context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_result_fits_its_window_with_its_intervals(browser, served, tmp_path, width):
    """The last thing a phone shows without scrolling is the interval; what is wider scrolls, by the keyboard too."""
    address, _, answers = served
    tab = pages.Tab(browser, address)
    tab.page.click("#begin")
    answer_all(tab)
    tab.context.close()
    study = settings.load(os.path.dirname(answers.path))
    path = tmp_path / "study.html"
    path.write_text(result_page.render(study, result.summarise(study, attentive(answers.all()))))
    tab = pages.Tab(browser, path.as_uri(), width, is_mobile=width == 390)
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    interval = tab.page.locator("td", has_text=" % to ").first.bounding_box()
    assert interval["x"] + interval["width"] <= width
    protocol = tab.page.locator("td.protocol").first.bounding_box()
    assert protocol["x"] + protocol["width"] <= width
    assert [entry for entry in tab.contrasts() if entry[0] < 4.5] == []
    assert tab.page.locator(".scroll").first.get_attribute("tabindex") == "0"
    assert tab.errors == []
    tab.context.close()


def attentive(rows: list) -> list:
    """The answers as if nobody had missed a check."""
    return [
        dataclasses.replace(row, answer=row.trial.right) if row.trial.is_check and row.answer else row for row in rows
    ]


def test_a_server_that_is_away_is_told_and_tried_again(browser, served):
    address, _, answers = served
    tab = pages.Tab(browser, address)
    tab.page.click("#begin")
    tab.page.click("#go")
    tab.page.wait_for_selector("[data-answer]:enabled")
    before = len(answered(answers))
    tab.context.set_offline(True)
    tab.page.locator("[data-answer]").first.click()
    tab.page.wait_for_selector("#trouble:not([hidden])")
    assert "does not answer" in tab.page.locator("#reason").inner_text()
    assert "none of your answers is lost" in tab.page.locator("#trouble").inner_text()
    tab.context.set_offline(False)
    tab.page.click("#retry")
    tab.page.wait_for_selector("#feedback:not(:empty)")
    assert len(answered(answers)) == before + 1
    tab.context.close()
