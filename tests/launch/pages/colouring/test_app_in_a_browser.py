"""The colouring page in a real browser that reaches nothing but this machine, at a desk and on a phone."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers, pages
from tests.support.stub_colorizer import PROVENANCE, StubColorizer, picture
from tintmill.launch.pages.colouring import app
from tintmill.launch.pages.colouring.gallery import Gallery
from tintmill.pipeline.imaging import lab, photo

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def browser():
    with pages.open_browser() as opened:
        yield opened


@pytest.fixture
def colorizer():
    return StubColorizer()


@pytest.fixture
def held(colorizer):
    return Gallery(colorizer, photo.Limits(min_side=1), PROVENANCE)


@pytest.fixture
def address(held):
    with pages.serving_app(app.build(held, MEGABYTE)) as served:
        yield served


@pytest.fixture(params=[(1280, 800), (390, 760)], ids=["desk", "phone"])
def tab(request, browser, address):
    opened = pages.Tab(browser, address, *request.param, phone=request.param[0] < 400)
    yield opened
    opened.context.close()


def upload(tab: pages.Tab, **files: bytes) -> None:
    sent = [{"name": name.replace("_", "."), "mimeType": "image/jpeg", "buffer": data} for name, data in files.items()]
    tab.page.set_input_files("#files", sent)


def card(tab: pages.Tab, name: str):
    return tab.page.locator(".picture").filter(has_text=name)


def shown(image) -> np.ndarray:
    """What is seen on the screen, uint8 [H, W, 3]."""
    return np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("RGB"))


def chroma_of(pixels: np.ndarray) -> float:
    return float(np.linalg.norm(lab.rgb_to_lab(np.ascontiguousarray(pixels))[..., 1:], axis=-1).mean())


def grey_picture() -> bytes:
    return helpers.encode(lab.to_grey(helpers.photo_pixels(3, 300, 400)))


def test_a_picture_is_compared_by_keyboard_and_asks_nobody_else(tab, address):
    upload(tab, old_png=grey_picture())
    card(tab, "old.png").locator(".result").wait_for()
    compare = card(tab, "old.png").locator(".compare")
    half = shown(compare)
    width = half.shape[1]
    assert chroma_of(half[10:-40, : width // 2 - 30]) < 2
    assert chroma_of(half[10:-40, width // 2 + 30 :]) > 8
    card(tab, "old.png").locator(".place").focus()
    tab.page.keyboard.press("End")
    assert chroma_of(shown(compare)[10:-40, :-10]) < 3
    tab.page.keyboard.press("Home")
    assert chroma_of(shown(compare)[10:-40, 10:]) > 8
    assert not tab.scrolls_sideways()
    assert tab.errors == []
    assert all(url.startswith((address, "blob:", "data:")) for url in tab.asked)


def test_chroma_changes_the_colours_without_the_network(tab, colorizer):
    upload(tab, old_png=grey_picture())
    result = card(tab, "old.png")
    result.locator(".result").wait_for()
    result.locator(".place").fill("0")
    before = chroma_of(shown(result.locator(".coloured")))
    result.locator(".chroma").fill("0.1")
    helpers.wait_until(lambda: chroma_of(shown(result.locator(".coloured"))) < before / 2)
    assert colorizer.asked == [None]
    result.locator(".temperature").fill("0.05")
    result.locator(".chroma").fill("1")
    helpers.wait_until(lambda: chroma_of(shown(result.locator(".coloured"))) > before)
    assert colorizer.asked == [None, 0.05]


def test_the_download_is_the_whole_picture_under_its_name(tab, tmp_path):
    upload(tab, large_jpg=picture(0, 1500, 1200))
    card(tab, "large.jpg").locator(".result").wait_for()
    with tab.page.expect_download() as download:
        card(tab, "large.jpg").get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "large_coloured.jpg"
    download.value.save_as(tmp_path / "saved")
    assert Image.open(tmp_path / "saved").size == (1200, 1500)


def test_uploads_that_lie_or_are_too_large_show_the_reason(tab):
    upload(tab, notes_jpg=b"just text", good_jpg=picture(), large_jpg=bytes(MEGABYTE + 1), cut_jpg=picture()[:900])
    card(tab, "good.jpg").locator(".result").wait_for()
    for name, reason in (("notes", "no supported picture format"), ("large", "more than 1 MB"), ("cut", "ends early")):
        error = card(tab, f"{name}.jpg").locator(".error")
        error.wait_for()
        assert reason in error.inner_text()
        assert not card(tab, f"{name}.jpg").locator(".result").is_visible()
    assert not tab.scrolls_sideways()


def test_ten_pictures_at_once_are_all_coloured(tab, colorizer):
    upload(tab, **{f"p{seed}_jpg": picture(seed) for seed in range(10)})
    tab.page.locator(".result:visible").nth(9).wait_for()
    assert tab.page.locator(".error:visible").count() == 0
    assert colorizer.most_at_once == 1


def test_pictures_dropped_on_the_page_are_taken(tab):
    transfer = tab.page.evaluate_handle(
        "() => { const t = new DataTransfer(); t.items.add(new File(['text'], 'dropped.jpg')); return t; }"
    )
    tab.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    card(tab, "dropped.jpg").locator(".error").wait_for()


def test_a_drop_without_a_file_is_answered(tab):
    transfer = tab.page.evaluate_handle(
        "() => { const t = new DataTransfer(); t.setData('text/uri-list', 'https://example.org/'); return t; }"
    )
    tab.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    assert "no file" in tab.page.locator("#status").inner_text()


def test_waiting_is_shown(tab, colorizer):
    colorizer.gate.clear()
    upload(tab, a_jpg=picture(), b_jpg=picture(), c_jpg=picture())
    card(tab, "a.jpg").locator(".state", has_text="colouring").wait_for()
    assert card(tab, "c.jpg").locator(".state").inner_text() == "waiting"
    assert not card(tab, "a.jpg").locator(".result").is_visible()
    colorizer.gate.set()
    tab.page.locator(".result:visible").nth(2).wait_for()


def test_the_file_button_is_reached_by_keyboard(tab):
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("() => document.activeElement.id") == "files"


def test_a_removed_picture_and_those_of_a_closed_page_are_forgotten(tab, held):
    upload(tab, a_jpg=picture(), b_jpg=picture())
    tab.page.locator(".result:visible").nth(1).wait_for()
    card(tab, "a.jpg").get_by_role("button", name="Remove").click()
    helpers.wait_until(lambda: len(held) == 1)
    tab.page.goto("about:blank")
    helpers.wait_until(lambda: len(held) == 0)


def test_a_picture_that_is_no_longer_held_is_sent_again_on_demand(tab, held):
    """As after an hour, or by a server that was started anew: the sliders' settings stay."""
    upload(tab, a_jpg=picture())
    card(tab, "a.jpg").locator(".result").wait_for()
    (name,) = {url.split("/")[-2] for url in tab.asked if url.endswith("/grey")}
    held.remove(name)
    card(tab, "a.jpg").locator(".chroma").fill("0.5")
    error = card(tab, "a.jpg").locator(".error")
    error.wait_for()
    assert "send it again" in error.inner_text()
    card(tab, "a.jpg").get_by_role("button", name="Try again").click()
    error.wait_for(state="hidden")
    assert card(tab, "a.jpg").locator(".chroma").input_value() == "0.5"
    helpers.wait_until(lambda: len(held) == 1)


def test_a_server_that_is_away_is_told_where_one_looks_and_tried_again(tab):
    upload(tab, a_jpg=picture())
    card(tab, "a.jpg").locator(".result").wait_for()
    tab.context.set_offline(True)
    upload(tab, b_jpg=picture())
    card(tab, "a.jpg").get_by_role("button", name="Download").click()
    for name in ("a.jpg", "b.jpg"):
        card(tab, name).locator(".error").wait_for()
        assert "does not answer" in card(tab, name).locator(".error").inner_text()
        error, buttons = (card(tab, name).locator(part).bounding_box() for part in (".error", ".buttons"))
        assert 0 <= buttons["y"] - error["y"] - error["height"] < 30  # not above a picture that fills the screen
    tab.context.set_offline(False)
    for name in ("a.jpg", "b.jpg"):
        card(tab, name).get_by_role("button", name="Try again").click()
        card(tab, name).locator(".error").wait_for(state="hidden")
        card(tab, name).locator(".result").wait_for()


def test_a_server_that_ends_after_an_upload_is_said_not_to_answer(tab, held):
    """Not that the picture, which did not come, cannot be decoded; and all of it comes with the next try."""
    for path in ("**/grey", "**/coloured?*"):
        tab.page.route(path, lambda route: route.abort())
        upload(tab, a_jpg=picture())
        error = card(tab, "a.jpg").locator(".error")
        error.wait_for()
        assert error.inner_text() == "the server does not answer"
        tab.page.wait_for_load_state("networkidle")
        assert error.is_visible()
        tab.page.unroute(path)
        card(tab, "a.jpg").get_by_role("button", name="Try again").click()
        card(tab, "a.jpg").locator(".result").wait_for()
        assert not error.is_visible()
        card(tab, "a.jpg").get_by_role("button", name="Remove").click()


def test_what_is_wrong_with_the_picture_itself_is_not_tried_again(tab):
    upload(tab, notes_jpg=b"just text", large_jpg=bytes(MEGABYTE + 1))
    for name in ("notes.jpg", "large.jpg"):
        card(tab, name).locator(".error").wait_for()
        assert not card(tab, name).get_by_role("button", name="Try again").is_visible()


def test_reset_goes_back_to_what_was_shown_first(tab, colorizer):
    """Of the temperature too, whose value as trained is none of the slider's."""
    upload(tab, old_png=grey_picture())
    result = card(tab, "old.png")
    result.locator(".result").wait_for()
    reset = result.get_by_role("button", name="Reset")
    assert not reset.is_visible()
    result.locator(".chroma").fill("0.1")
    result.locator(".temperature").fill("0.05")
    helpers.wait_until(lambda: colorizer.asked == [None, 0.05])
    with tab.page.expect_request(lambda request: "coloured?chroma=1" in request.url) as asked:
        reset.click()
    assert "temperature" not in asked.value.url
    assert result.locator(".chroma").input_value() == "1"
    assert result.locator(".temperature-shown").inner_text() == "as trained"
    assert not reset.is_visible()
    assert tab.page.evaluate("document.activeElement.className") == "chroma"


def test_a_screen_reader_is_told_whose_controls_they_are_and_how_much_is_grey(tab):
    upload(tab, a_jpg=picture(), b_jpg=picture())
    tab.page.locator(".result:visible").nth(1).wait_for()
    for name in ("a.jpg", "b.jpg"):
        article = tab.page.get_by_role("article", name=name)
        controls = article.locator("button, .settings input")
        described = "all => all.map((e) => document.getElementById(e.getAttribute('aria-describedby')).textContent)"
        assert set(controls.evaluate_all(described)) == {name}
        place = article.locator(".place")
        found = [place.get_attribute("aria-valuetext")]
        for value in ("0", "100"):
            place.fill(value)
            found.append(place.get_attribute("aria-valuetext"))
        assert found == ["left 50 % grey, the rest coloured", "coloured", "grey"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(browser, address, scheme):
    opened = pages.Tab(browser, address, color_scheme=scheme)
    upload(opened, good_jpg=picture(), notes_jpg=b"just text")
    card(opened, "good.jpg").locator(".result").wait_for()
    card(opened, "notes.jpg").locator(".error").wait_for()
    found = opened.contrasts()
    assert len(found) > 10
    assert [entry for entry in found if entry[0] < 4.5] == []
    opened.context.close()


def test_two_people_do_not_see_each_others_pictures(browser, address, tab):
    upload(tab, mine_jpg=picture())
    card(tab, "mine.jpg").locator(".result").wait_for()
    other = pages.Tab(browser, address)
    assert other.page.locator(".picture").count() == 0
    assert "mine" not in other.page.content()
    other.context.close()


@pytest.mark.slow
@pytest.mark.real_data
def test_odd_pictures_are_coloured_or_refused_with_a_reason(browser, held, address, real_data):
    """Every hostile file, dropped all at once."""
    odd = sorted(
        path for path in Path(real_data / "odd_images").rglob("*") if path.is_file() and path.stat().st_size < 1e6
    )
    opened = pages.Tab(browser, address)
    opened.page.set_input_files(
        "#files", [{"name": f"odd {i}", "mimeType": "", "buffer": path.read_bytes()} for i, path in enumerate(odd)]
    )
    opened.page.locator(".result:visible, .error:visible").nth(len(odd) - 1).wait_for()
    for error in opened.page.locator(".error:visible").all_inner_texts():
        assert error
        assert "the server said" not in error
    opened.context.close()
