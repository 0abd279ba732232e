"""The colouring page in a real browser that reaches nothing but this machine, at a desk and on a phone."""

import base64
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers, pages
from tests.support.stub_colorizer import PROVENANCE, StubColorizer, picture
from tintmill.launch.pages.colouring import app
from tintmill.launch.pages.colouring.gallery import Gallery
from tintmill.model.colorizers.found import find_model
from tintmill.pipeline.imaging import lab, photo

MEGABYTE = 1_000_000
DESK, PHONE = (1280, 800), (390, 780)


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


def open_tab(browser, address, size=DESK, **more) -> pages.Tab:
    return pages.Tab(browser, address, *size, phone=size == PHONE, **more)


@pytest.fixture
def tab(browser, address):
    opened = open_tab(browser, address)
    yield opened
    opened.context.close()


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def either(request, browser, address):
    """At a desk, and on a phone."""
    opened = open_tab(browser, address, request.param)
    yield opened
    opened.context.close()


def upload(tab: pages.Tab, **files: bytes) -> None:
    sent = [{"name": name.replace("_", "."), "mimeType": "image/jpeg", "buffer": data} for name, data in files.items()]
    tab.page.set_input_files("#files", sent)
    settle(tab)


def settle(tab: pages.Tab) -> None:
    """Waits until all that was asked for is seen."""
    tab.page.wait_for_selector("body:not([data-busy])")


def grey_picture(height: int = 300, width: int = 400) -> bytes:
    return helpers.encode(lab.to_grey(helpers.photo_pixels(3, height, width)))


def item(tab: pages.Tab, name: str):
    return tab.page.locator("#strip .item").filter(has_text=name)


def seen(tab: pages.Tab) -> np.ndarray:
    """The coloured preview as the page holds it, uint8 [H, W, 4]."""
    width, height, levels = tab.page.evaluate(
        """() => {
          const image = document.querySelector("#after .base");
          const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
          canvas.drawImage(image, 0, 0);
          const data = canvas.getImageData(0, 0, image.naturalWidth, image.naturalHeight).data;
          const text = Array.from(data, (v) => String.fromCharCode(v)).join("");
          return [image.naturalWidth, image.naturalHeight, btoa(text)];
        }"""
    )
    return np.frombuffer(base64.b64decode(levels), np.uint8).reshape(height, width, 4)


def ab_of(pixels: np.ndarray) -> np.ndarray:
    return lab.rgb_to_lab(np.ascontiguousarray(pixels[..., :3]))[..., 1:]


def chroma_of(pixels: np.ndarray) -> float:
    return float(np.linalg.norm(ab_of(pixels), axis=-1).mean())


def point(tab: pages.Tab, across: float, down: float) -> tuple[float, float]:
    """Where on the screen a place of the picture is, 0..1 of its width and height."""
    box = tab.page.locator("#after .base").bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def press(tab: pages.Tab, across: float, down: float) -> None:
    """A click, or on a phone the touch of a finger."""
    touch = tab.page.evaluate("navigator.maxTouchPoints > 0")
    (tab.page.touchscreen.tap if touch else tab.page.mouse.click)(*point(tab, across, down))
    settle(tab)


def recolour(tab: pages.Tab, color: str) -> None:
    tab.page.locator("#code").fill(color)
    settle(tab)


def hints_of(tab: pages.Tab, tmp_path: Path) -> dict:
    with tab.page.expect_download() as download:
        tab.page.locator("#save-hints").click()
    download.value.save_as(tmp_path / "hints.json")
    return json.loads((tmp_path / "hints.json").read_text())


def test_a_hint_colours_its_place_and_undo_brings_back_the_same_bytes(either, address):
    """By mouse and by finger: set, recolour, undo, redo, delete, reset."""
    upload(either, old_png=grey_picture())
    before = seen(either)
    press(either, 0.25, 0.5)
    assert either.page.locator(".marker").count() == 1
    assert either.page.locator("#probable .swatch").count() == 3
    recolour(either, "#2030c0")
    blue = seen(either)
    assert ab_of(blue)[140:160, 90:110, 1].mean() < ab_of(before)[140:160, 90:110, 1].mean() - 20
    assert np.abs(ab_of(blue) - ab_of(before))[:, 250:].max() < 4
    for _ in range(2):
        either.page.locator("#undo").click()
        settle(either)
    assert np.array_equal(seen(either), before)
    assert either.page.locator(".marker").count() == 0
    for _ in range(2):
        either.page.locator("#redo").click()
        settle(either)
    assert np.array_equal(seen(either), blue)
    either.page.locator("#reset").click()
    settle(either)
    assert np.array_equal(seen(either), before)
    assert not either.scrolls_sideways()
    assert either.errors == []
    assert all(url.startswith((address, "blob:", "data:")) for url in either.asked)


def two_walls() -> bytes:
    """A bright wall beside a dark one, both a little rough."""
    levels = np.random.default_rng(0).normal(0, 2, (240, 320))
    levels += np.where(np.arange(320) < 160, 190, 70)
    return helpers.encode(np.clip(levels, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def built_in():
    return find_model().load()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["mouse", "touch"])
def test_a_hint_changes_what_is_near_and_nothing_beyond_an_edge(browser, built_in, size):
    """With the built-in model."""
    held = Gallery(built_in, photo.Limits(min_side=1), PROVENANCE)
    with pages.serving_app(app.build(held, MEGABYTE)) as address:
        tab = open_tab(browser, address, size)
        upload(tab, walls_png=two_walls())
        before = seen(tab)
        press(tab, 0.4, 0.5)
        recolour(tab, "#d07070")
        changed = ab_of(seen(tab)) - ab_of(before)
        tab.context.close()
    assert changed[100:140, 110:145, 0].mean() > 15  # redder
    assert np.linalg.norm(changed[100:140, 176:210], axis=-1).mean() < 4


def test_a_hint_is_dragged_and_a_drag_is_one_step(tab, tmp_path):
    upload(tab, old_png=grey_picture())
    press(tab, 0.25, 0.5)
    tab.page.mouse.move(*point(tab, 0.25, 0.5))
    tab.page.mouse.down()
    for across in (0.4, 0.6, 0.75):
        tab.page.mouse.move(*point(tab, across, 0.25))
    tab.page.mouse.up()
    settle(tab)
    ((hint,),) = hints_of(tab, tmp_path).values()
    assert abs(hint["x"] - 300) <= 2
    assert abs(hint["y"] - 75) <= 2
    tab.page.locator("#undo").click()
    ((hint,),) = hints_of(tab, tmp_path).values()
    assert abs(hint["x"] - 100) <= 2


def test_saved_hints_are_opened_again_and_give_the_same_picture(browser, address, tab, tmp_path):
    data = grey_picture()
    upload(tab, old_png=data)
    press(tab, 0.25, 0.5)
    recolour(tab, "#2030c0")
    press(tab, 0.75, 0.25)
    recolour(tab, "#b02020")
    found, wanted = hints_of(tab, tmp_path), seen(tab)
    assert [hint["color"] for hint in found["old.png"]] == ["#2030c0", "#b02020"]
    other = open_tab(browser, address)
    other.page.set_input_files(
        "#files",
        [
            {"name": "hints.json", "mimeType": "application/json", "buffer": json.dumps(found).encode()},
            {"name": "old.png", "mimeType": "image/png", "buffer": data},
        ],
    )
    other.page.locator(".marker").nth(1).wait_for()
    settle(other)
    assert np.array_equal(seen(other), wanted)
    bad = json.dumps({"old.png": [{"x": 9999, "y": 0, "color": "#000000"}]}).encode()
    other.page.set_input_files("#files", [{"name": "hints.json", "mimeType": "application/json", "buffer": bad}])
    other.page.locator("#trouble", has_text="hints[0].x").wait_for()
    settle(other)
    assert np.array_equal(seen(other), wanted)
    other.context.close()


def test_everything_is_done_by_keyboard(tab, tmp_path):
    keyboard = tab.page.keyboard
    keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.id") == "files"
    upload(tab, old_png=grey_picture())
    before = seen(tab)
    tab.page.locator("#fit").focus()
    while tab.page.evaluate("document.activeElement.id") != "stage":
        keyboard.press("Tab")
    assert tab.page.locator("#cross").is_visible()
    keyboard.press("ArrowLeft")
    keyboard.press("Enter")
    tab.page.locator(".marker:focus").wait_for()
    for _ in range(3):
        keyboard.press("Shift+ArrowRight")
    settle(tab)
    moved = hints_of(tab, tmp_path)["old.png"][0]
    tab.page.locator(".marker").focus()
    keyboard.press("ArrowDown")
    settle(tab)
    assert hints_of(tab, tmp_path)["old.png"][0]["y"] == moved["y"] + 1
    tab.page.locator(".marker").focus()
    keyboard.press("Enter")
    assert tab.page.evaluate("document.activeElement.id") == "pipette"
    tab.page.locator(".marker").focus()
    keyboard.press("Delete")
    settle(tab)
    assert tab.page.locator(".marker").count() == 0
    keyboard.press("Control+z")
    settle(tab)
    assert tab.page.locator(".marker").count() == 1
    for _ in range(5):  # four moves, and the hint itself
        keyboard.press("Control+z")
    settle(tab)
    assert np.array_equal(seen(tab), before)
    keyboard.press("Control+Shift+z")
    settle(tab)
    assert tab.page.locator(".marker").count() == 1
    keyboard.press("?")
    assert tab.page.locator("#help").is_visible()
    keyboard.press("Escape")
    assert not tab.page.locator("#help").is_visible()


def test_a_pipette_takes_a_colour_from_another_picture(tab, tmp_path):
    red = np.full((60, 80, 3), (190, 40, 40), np.uint8)
    upload(tab, old_png=grey_picture(), red_png=helpers.encode(red))
    press(tab, 0.25, 0.5)
    tab.page.locator("#pipette").click()
    item(tab, "red.png").click()
    settle(tab)
    press(tab, 0.5, 0.5)
    assert item(tab, "old.png").get_attribute("aria-current") == "true"
    (hint,) = hints_of(tab, tmp_path)["old.png"]
    found = [int(hint["color"][i : i + 2], 16) for i in (1, 3, 5)]
    assert np.abs(np.array(found) - (190, 40, 40)).max() <= 6


def test_grey_and_coloured_are_compared(tab):
    upload(tab, old_png=grey_picture())
    tab.page.locator("#compare-button").click()
    settle(tab)
    box = tab.page.locator("#after .base").bounding_box()
    half = np.asarray(Image.open(io.BytesIO(tab.page.screenshot(clip=box))).convert("RGB"))
    middle, width = half[10 : half.shape[0] // 3], half.shape[1]
    assert chroma_of(middle[:, : width // 2 - 30]) < 2
    assert chroma_of(middle[:, width // 2 + 30 :]) > 8
    found = []
    for key in ("Home", "End"):
        tab.page.locator("#compare-place").press(key)
        found.append(tab.page.locator("#compare-place").get_attribute("aria-valuetext"))
    assert found == ["coloured", "grey"]


def test_zoom_shows_the_pixels_of_the_picture_itself(tab):
    """More than the preview holds; the wheel zooms where the mouse is, and a drag moves the picture."""
    upload(tab, large_jpg=picture(0, 1500, 2400))
    assert not tab.page.locator("#after .detail").is_visible()
    tab.page.mouse.move(*point(tab, 0.5, 0.5))
    tab.page.mouse.wheel(0, -500)
    tab.page.locator("#after .detail").wait_for()
    settle(tab)
    sizes = "name => (({naturalWidth, clientWidth}) => [naturalWidth, clientWidth])(document.querySelector(name))"
    detail, (_, whole) = (tab.page.evaluate(sizes, f"#after .{name}") for name in ("detail", "base"))
    assert abs(detail[0] - 2400 * detail[1] / whole) <= 3  # as many pixels as the picture has there
    before = point(tab, 0, 0)
    tab.page.mouse.down()
    tab.page.mouse.move(*(value - 60 for value in point(tab, 0.5, 0.5)), steps=3)
    tab.page.mouse.up()
    settle(tab)
    assert np.allclose(point(tab, 0, 0), np.subtract(before, 60), atol=2)
    assert tab.page.locator(".marker").count() == 0
    tab.page.locator("#fit").click()
    settle(tab)
    assert tab.errors == []


def test_sliders_change_the_colours_and_reset_goes_back(tab, colorizer):
    upload(tab, old_png=grey_picture())
    before = seen(tab)
    tab.page.locator("#chroma").fill("0.1")
    settle(tab)
    assert chroma_of(seen(tab)) < chroma_of(before) / 2
    assert colorizer.asked == [None]
    tab.page.locator("#temperature").fill("0.05")
    settle(tab)
    assert colorizer.asked == [None, 0.05]
    tab.page.locator("#reset").click()
    settle(tab)
    assert np.array_equal(seen(tab), before)
    assert tab.page.locator("#temperature-shown").inner_text() == "as trained"


def test_all_pictures_are_downloaded_as_one_zip_with_their_hints(tab, tmp_path):
    upload(tab, a_jpg=picture(0, 1500, 1200), b_jpg=picture(1))
    press(tab, 0.5, 0.5)
    with tab.page.expect_download() as download:
        tab.page.locator("#download-all").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as opened:
        assert opened.testzip() is None
        assert sorted(opened.namelist()) == ["a_coloured.jpg", "b_coloured.jpg", "hints.json"]
        assert Image.open(opened.open("a_coloured.jpg")).size == (1200, 1500)
        assert list(json.loads(opened.read("hints.json"))) == ["a.jpg"]
    settle(tab)
    with tab.page.expect_download() as download:
        tab.page.locator("#download").click()
    assert download.value.suggested_filename == "a_coloured.jpg"


def test_uploads_that_lie_or_are_too_large_show_the_reason(tab):
    upload(tab, notes_jpg=b"text", good_jpg=picture(), large_jpg=bytes(MEGABYTE + 1), cut_jpg=picture()[:900])
    assert item(tab, "good.jpg").get_attribute("data-phase") == "ready"
    for name, reason in (("notes", "no supported picture format"), ("large", "more than 1 MB"), ("cut", "ends early")):
        item(tab, name).click()
        assert reason in tab.page.locator("#trouble").inner_text()
        assert not tab.page.locator("#again").is_visible()
        assert not tab.page.locator("#picture").is_visible()
    assert not tab.scrolls_sideways()


def test_pictures_are_dropped_and_pasted(tab):
    transfer = "() => { const t = new DataTransfer(); WITH; return t; }"
    a_file = "t.items.add(new File(['text'], 'NAME'))"
    dropped = tab.page.evaluate_handle(transfer.replace("WITH", a_file.replace("NAME", "dropped.jpg")))
    tab.page.dispatch_event("#stage", "drop", {"dataTransfer": dropped})
    pasted = tab.page.evaluate_handle(transfer.replace("WITH", a_file.replace("NAME", "image.png")))
    tab.page.evaluate("t => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: t}))", pasted)
    settle(tab)
    assert tab.page.locator("#strip .name").all_inner_texts() == ["dropped.jpg", "pasted-1.png"]
    nothing = tab.page.evaluate_handle(
        "() => { const t = new DataTransfer(); t.setData('text/plain', 'x'); return t; }"
    )
    tab.page.dispatch_event("#stage", "drop", {"dataTransfer": nothing})
    assert "no file" in tab.page.locator("#status").inner_text()


def test_waiting_is_shown(tab, colorizer):
    colorizer.gate.clear()
    sent = [{"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": picture()} for name in "abc"]
    tab.page.set_input_files("#files", sent)
    item(tab, "a.jpg").locator(".state", has_text="colouring").wait_for()
    assert item(tab, "c.jpg").locator(".state").inner_text() == "waiting"
    assert tab.page.locator("#progress").is_visible()
    colorizer.gate.set()
    settle(tab)
    assert tab.page.locator(".item[data-phase=ready]").count() == 3
    assert colorizer.most_at_once == 1


def test_removed_pictures_and_those_of_a_closed_page_are_forgotten(tab, held):
    upload(tab, a_jpg=picture(), b_jpg=picture())
    tab.page.locator("#remove").click()
    helpers.wait_until(lambda: len(held) == 1)
    assert tab.page.locator(".item").count() == 1
    tab.page.goto("about:blank")
    helpers.wait_until(lambda: len(held) == 0)


def test_a_picture_that_is_no_longer_held_is_sent_again_with_its_hints(tab, held):
    """As after an hour, or by a server that was started anew."""
    upload(tab, a_jpg=picture())
    press(tab, 0.5, 0.5)
    (name,) = {url.split("/")[-2] for url in tab.asked if url.endswith("/view")}
    held.remove(name)
    recolour(tab, "#2030c0")
    assert "send it again" in tab.page.locator("#trouble").inner_text()
    tab.page.locator("#again").click()
    tab.page.locator("#trouble").wait_for(state="hidden")
    settle(tab)
    assert len(held) == 1
    assert tab.page.locator(".marker").count() == 1
    assert tab.page.locator("#code").input_value() == "#2030c0"


def test_a_server_that_is_away_is_told_and_tried_again(tab):
    upload(tab, a_jpg=picture())
    tab.context.set_offline(True)
    upload(tab, b_jpg=picture())
    for name in ("a.jpg", "b.jpg"):
        item(tab, name).click()
        if name == "a.jpg":
            tab.page.locator("#download").click()
        tab.page.locator("#trouble", has_text="does not answer").wait_for()
    tab.context.set_offline(False)
    for name in ("a.jpg", "b.jpg"):
        item(tab, name).click()
        tab.page.locator("#again").click()
        tab.page.locator("#trouble").wait_for(state="hidden")
    settle(tab)
    assert tab.page.locator(".item[data-phase=ready]").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(browser, address, scheme):
    opened = open_tab(browser, address, color_scheme=scheme)
    upload(opened, good_jpg=picture(), notes_jpg=b"just text")
    press(opened, 0.5, 0.5)
    opened.page.evaluate("document.getElementById('about').open = true")
    found = opened.contrasts()
    item(opened, "notes.jpg").click()
    found += opened.contrasts()
    assert len(found) > 40
    assert [entry for entry in found if entry[0] < 4.5] == []
    opened.context.close()


def test_two_people_do_not_see_each_others_pictures(browser, address, tab):
    upload(tab, mine_jpg=picture())
    other = open_tab(browser, address)
    assert other.page.locator(".item").count() == 0
    assert "mine" not in other.page.content()
    other.context.close()


@pytest.mark.slow
@pytest.mark.real_data
def test_odd_pictures_are_coloured_or_refused_with_a_reason(browser, address, real_data):
    """Every hostile file, chosen all at once."""
    odd = sorted(
        path for path in Path(real_data / "odd_images").rglob("*") if path.is_file() and path.stat().st_size < 1e6
    )
    opened = open_tab(browser, address)
    opened.page.set_input_files(
        "#files", [{"name": f"odd {i}", "mimeType": "", "buffer": path.read_bytes()} for i, path in enumerate(odd)]
    )
    settle(opened)
    assert opened.page.locator(".item:is([data-phase=ready], [data-phase=failed])").count() == len(odd)
    for refused in opened.page.locator(".item[data-phase=failed]").all():
        refused.click()
        reason = opened.page.locator("#trouble-reason").inner_text()
        assert reason
        assert "the server said" not in reason
    opened.context.close()
