"""The page in a real browser without a network: its sliders by keyboard and by finger, its widths, its contrast."""

from pathlib import Path

import pytest

from tests.support import pages, run_folder
from tintmill.trainer.reporting import page

HOSTILE = "<img src=x onerror=hacked=1>\"'\n</script><script>hacked=1</script>"
PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def chromium():
    with pages.open_browser() as opened:
        yield opened


@pytest.fixture
def show(chromium):
    """Opens a file in a tab without a network."""
    opened = []

    def opener(path: Path, width: int = DESK, **more) -> pages.Tab:
        more = {"is_mobile": width == PHONE, "offline": True} | more
        opened.append(pages.Tab(chromium, path.as_uri(), width, 900, phone=width == PHONE, **more))
        return opened[-1]

    yield opener
    for tab in opened:
        tab.context.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, Path]:
    """Pages of one run and of two, whose names and pictures' ids are as hostile as can be."""
    folder = tmp_path_factory.mktemp("pages")
    runs = [run_folder.make(folder / name, learning_rate=rate) for name, rate in (("first", 0.5), ("_<b>$x", 0.25))]
    for run in runs:
        run_folder.evaluate(run, ids=(HOSTILE, "x" * 200, "three"))
    found = {"one": folder / "one.html", "two": folder / "two.html"}
    found["one"].write_text(page.render([str(runs[0])]))
    found["two"].write_text(page.render([str(run) for run in runs]))
    return found


def clips(tab: pages.Tab, number: int) -> list[str]:
    """How the layers of a picture are cut."""
    return tab.page.evaluate(
        f"[...document.querySelectorAll('.stack')[{number}].querySelectorAll('.layer')].map((l) => l.style.clipPath)"
    )


def slider(tab: pages.Tab, number: int) -> tuple[str, str]:
    """Value and text of a slider."""
    input_ = f"document.querySelectorAll('.slider input')[{number}]"
    return tuple(tab.page.evaluate(f"[{input_}.value, {input_}.getAttribute('aria-valuetext')]"))


def press(tab: pages.Tab, key: str, times: int = 1) -> None:
    for _ in range(times):
        tab.page.keyboard.press(key)


@pytest.mark.parametrize("name", ["one", "two"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_fits_its_window_and_asks_for_nothing(show, reports, name, width):
    """Wide tables scroll in boxes of their own; every picture and plot has been decoded."""
    tab = show(reports[name], width)
    assert [url for url in tab.asked if not url.startswith("data:")] == [reports[name].as_uri()]
    assert tab.errors == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width  # a phone would zoom out, not scroll
    assert tab.page.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert tab.page.evaluate("typeof hacked") == "undefined"
    if width == PHONE:
        assert tab.page.evaluate(
            "(() => { const b = document.querySelector('.scroll'); return b.scrollWidth > b.clientWidth })()"
        )


def test_a_slider_wipes_from_grey_over_coloured_to_truth_by_the_keyboard(show, reports):
    tab = show(reports["one"])
    tab.page.evaluate("document.querySelectorAll('.slider input')[1].focus()")
    press(tab, "Home")
    assert slider(tab, 1) == ("0", "grey")
    assert clips(tab, 1) == ["none", "inset(0px 100% 0px 0px)", "inset(0px 100% 0px 0px)"]
    press(tab, "ArrowRight", 5)
    assert slider(tab, 1) == ("25", "left 25 % coloured, the rest grey")
    assert clips(tab, 1) == ["none", "inset(0px 75% 0px 0px)", "inset(0px 100% 0px 0px)"]
    press(tab, "ArrowRight", 20)
    assert slider(tab, 1) == ("125", "left 25 % truth, the rest coloured")
    assert clips(tab, 1) == ["none", "none", "inset(0px 75% 0px 0px)"]
    press(tab, "End")
    assert slider(tab, 1) == ("200", "truth")
    assert clips(tab, 1) == ["none", "none", "none"]


def seen(tab: pages.Tab, number: int) -> list[str]:
    """What is written on a picture: what its left shows, and its right."""
    return tab.page.locator(".seen").nth(number).locator("span:visible").all_inner_texts()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_what_is_seen_is_written_on_the_picture(show, reports, width):
    tab = show(reports["one"], width)
    assert seen(tab, 1) == ["truth", "coloured"]
    picture = tab.page.locator(".stack").nth(1).bounding_box()
    for name in tab.page.locator(".seen").nth(1).locator("span").all():
        box = name.bounding_box()
        assert picture["x"] <= box["x"] <= picture["x"] + picture["width"] - box["width"]
        assert picture["y"] <= box["y"] <= picture["y"] + picture["height"] - box["height"]
    tab.page.evaluate("document.querySelectorAll('.slider input')[1].focus()")
    press(tab, "Home")
    assert seen(tab, 1) == ["grey"]
    press(tab, "ArrowRight")
    assert seen(tab, 1) == ["coloured", "grey"]
    assert seen(tab, 0) == ["truth", "coloured"]


def test_the_names_below_a_slider_stand_at_its_stops(show, reports):
    tab = show(reports["two"])
    middles = tab.page.evaluate(
        "(() => { const slider = document.querySelector('.slider'), all = slider.getBoundingClientRect();"
        "return [...slider.querySelectorAll('span')].slice(1, -1).map((name) => {"
        "const b = name.getBoundingClientRect(); return (b.x + b.width / 2 - all.x) / all.width }) })()"
    )
    assert middles == pytest.approx([1 / 3, 2 / 3], abs=0.02)


def test_each_picture_has_a_slider_of_its_own(show, reports):
    tab = show(reports["one"])
    before = clips(tab, 0), clips(tab, 2)
    tab.page.evaluate("document.querySelectorAll('.slider input')[1].focus()")
    press(tab, "Home")
    assert (clips(tab, 0), clips(tab, 2)) == before
    labels = tab.page.evaluate("[...document.querySelectorAll('.slider input')].map((i) => i.ariaLabel)")
    assert labels == [f"grey, coloured, truth: {name}" for name in ("x" * 200, "three", HOSTILE)]
    ids = tab.page.evaluate("[...document.querySelectorAll('.slider input')].map((i) => i.labels[0].htmlFor === i.id)")
    assert ids == [True] * 3


def test_a_finger_moves_a_slider(show, reports):
    tab = show(reports["one"], PHONE)
    x, y, width = tab.page.evaluate(
        "(() => { const i = document.querySelector('.slider input'); i.scrollIntoView({block: 'center'});"
        "const r = i.getBoundingClientRect(); return [r.x, r.y + r.height / 2, r.width] })()"
    )
    tab.page.touchscreen.tap(x + width / 4, y)
    assert 40 <= int(slider(tab, 0)[0]) <= 60
    assert tab.page.evaluate("document.querySelector('.slider input').getBoundingClientRect().height") >= 44


def test_two_runs_share_a_slider(show, reports):
    tab = show(reports["two"])
    tab.page.evaluate("document.querySelector('.slider input').focus()")
    press(tab, "End")
    press(tab, "ArrowLeft", 30)
    assert slider(tab, 0) == ("150", "left 50 % _<b>$x, the rest first")
    assert len(clips(tab, 0)) == 4


@pytest.mark.parametrize("how", ["without JavaScript", "by the switch", "in print"])
def test_the_pictures_are_side_by_side(show, reports, how):
    tab = show(reports["one"], java_script_enabled=how != "without JavaScript")
    if how == "by the switch":
        tab.page.evaluate("document.querySelector('button').focus()")
        press(tab, "Enter")
    if how == "in print":
        tab.page.emulate_media(media="print")
    left = tab.page.evaluate(
        "[...document.querySelectorAll('.stack')[0].children].map((l) => l.getBoundingClientRect().x)"
    )
    assert left == sorted(set(left))
    assert len(left) == 3
    shown = "[...document.querySelectorAll('.layer')].map((l) => getComputedStyle(l).clipPath)"
    assert set(tab.page.evaluate(shown)) == {"none"}
    assert not tab.page.evaluate("[...document.querySelectorAll('.slider, .seen')].some((s) => s.checkVisibility())")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(show, reports, scheme):
    """4.5 : 1, as WCAG 2 wants it (AA)."""
    tab = show(reports["two"], color_scheme=scheme)
    found = tab.contrasts()
    assert len(found) > 100
    assert [entry for entry in found if entry[0] < 4.5] == []
    ground = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is (scheme == "light")
