"""The page in a real browser without a network: its sliders by keyboard and by finger, its widths, its contrast."""

from pathlib import Path

import pytest

from tests import browser, run_folder
from trainer import report

HOSTILE = "<img src=x onerror=hacked=1>\"'\n</script><script>hacked=1</script>"
PHONE, DESK = 390, 1280

# Of every element with text of its own: how far it stands out from what is behind it, by the formula of WCAG 2.
CONTRASTS = """
(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const [r, g, b] = numbers(colour).map((v) => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((numbers(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const ofText = (e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return [...document.querySelectorAll("body *:not(script)")].filter(ofText).map((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return [(a + .05) / (b + .05), e.outerHTML.slice(0, 60)];
  });
})()
"""


@pytest.fixture(scope="module")
def chromium():
    """A tab, shared by the tests of this module."""
    if not browser.find():
        pytest.skip("no Chromium on this machine")
    with browser.opened() as page:
        yield page


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """Pages of one run and of two, whose names and pictures' ids are as hostile as can be."""
    folder = tmp_path_factory.mktemp("pages")
    runs = [run_folder.make(folder / name, learning_rate=rate) for name, rate in (("first", 0.5), ("_<b>$x", 0.25))]
    for run in runs:
        run_folder.evaluate(run, ids=(HOSTILE, "x" * 200, "three"))
    found = {"one": folder / "one.html", "two": folder / "two.html"}
    found["one"].write_text(report.render([str(runs[0])]))
    found["two"].write_text(report.render([str(run) for run in runs]))
    return found


def clips(chromium, number: int) -> list[str]:
    """How the layers of a picture are cut."""
    return chromium.evaluate(
        f"[...document.querySelectorAll('.stack')[{number}].querySelectorAll('.layer')].map((l) => l.style.clipPath)"
    )


def slider(chromium, number: int) -> tuple[str, str]:
    """Value and text of a slider."""
    input_ = f"document.querySelectorAll('.slider input')[{number}]"
    return tuple(chromium.evaluate(f"[{input_}.value, {input_}.getAttribute('aria-valuetext')]"))


@pytest.mark.parametrize("name", ["one", "two"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_fits_its_window_and_asks_for_nothing(chromium, pages, name, width):
    """Wide tables scroll in boxes of their own; every picture and plot has been decoded."""
    chromium.open(pages[name], width)
    assert [url for url in chromium.requests if not url.startswith("data:")] == [pages[name].as_uri()]
    assert chromium.errors == []
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width  # a phone would zoom out, not scroll
    assert chromium.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert chromium.evaluate("typeof hacked") == "undefined"
    if width == PHONE:
        assert chromium.evaluate(
            "(() => { const b = document.querySelector('.scroll'); return b.scrollWidth > b.clientWidth })()"
        )


def test_a_slider_wipes_from_grey_over_coloured_to_truth_by_the_keyboard(chromium, pages):
    chromium.open(pages["one"])
    chromium.evaluate("document.querySelectorAll('.slider input')[1].focus()")
    chromium.press("Home")
    assert slider(chromium, 1) == ("0", "grey")
    assert clips(chromium, 1) == ["none", "inset(0px 100% 0px 0px)", "inset(0px 100% 0px 0px)"]
    chromium.press("ArrowRight", 5)
    assert slider(chromium, 1) == ("25", "left 25 % coloured, the rest grey")
    assert clips(chromium, 1) == ["none", "inset(0px 75% 0px 0px)", "inset(0px 100% 0px 0px)"]
    chromium.press("ArrowRight", 20)
    assert slider(chromium, 1) == ("125", "left 25 % truth, the rest coloured")
    assert clips(chromium, 1) == ["none", "none", "inset(0px 75% 0px 0px)"]
    chromium.press("End")
    assert slider(chromium, 1) == ("200", "truth")
    assert clips(chromium, 1) == ["none", "none", "none"]


def test_each_picture_has_a_slider_of_its_own(chromium, pages):
    chromium.open(pages["one"])
    before = clips(chromium, 0), clips(chromium, 2)
    chromium.evaluate("document.querySelectorAll('.slider input')[1].focus()")
    chromium.press("Home")
    assert (clips(chromium, 0), clips(chromium, 2)) == before
    labels = chromium.evaluate("[...document.querySelectorAll('.slider input')].map((i) => i.ariaLabel)")
    assert labels == [f"grey, coloured, truth: {name}" for name in ("x" * 200, "three", HOSTILE)]
    ids = chromium.evaluate("[...document.querySelectorAll('.slider input')].map((i) => i.labels[0].htmlFor === i.id)")
    assert ids == [True] * 3


def test_a_finger_moves_a_slider(chromium, pages):
    chromium.open(pages["one"], PHONE)
    x, y, width = chromium.evaluate(
        "(() => { const i = document.querySelector('.slider input'); i.scrollIntoView({block: 'center'});"
        "const r = i.getBoundingClientRect(); return [r.x, r.y + r.height / 2, r.width] })()"
    )
    chromium.touch(x + width / 4, y)
    assert 40 <= int(slider(chromium, 0)[0]) <= 60
    assert chromium.evaluate("document.querySelector('.slider input').getBoundingClientRect().height") >= 44


def test_two_runs_share_a_slider(chromium, pages):
    chromium.open(pages["two"])
    chromium.evaluate("document.querySelector('.slider input').focus()")
    chromium.press("End")
    chromium.press("ArrowLeft", 30)
    assert slider(chromium, 0) == ("150", "left 50 % _<b>$x, the rest first")
    assert len(clips(chromium, 0)) == 4


@pytest.mark.parametrize("how", ["without JavaScript", "by the switch", "in print"])
def test_the_pictures_are_side_by_side(chromium, pages, how):
    chromium.open(pages["one"], javascript=how != "without JavaScript")
    if how == "by the switch":
        chromium.evaluate("document.querySelector('button').focus()")
        chromium.press("Enter")
    if how == "in print":
        chromium.call("Emulation.setEmulatedMedia", media="print")
    chromium.call("Emulation.setScriptExecutionDisabled", value=False)
    left = chromium.evaluate(
        "[...document.querySelectorAll('.stack')[0].children].map((l) => l.getBoundingClientRect().x)"
    )
    assert left == sorted(set(left))
    assert len(left) == 3
    shown = "[...document.querySelectorAll('.layer')].map((l) => getComputedStyle(l).clipPath)"
    assert set(chromium.evaluate(shown)) == {"none"}
    assert not chromium.evaluate("[...document.querySelectorAll('.slider')].some((s) => s.checkVisibility())")
    chromium.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(chromium, pages, scheme):
    """4.5 : 1, as WCAG 2 wants it (AA)."""
    chromium.open(pages["two"], scheme=scheme)
    found = chromium.evaluate(CONTRASTS)
    assert len(found) > 100
    assert [entry for entry in found if entry[0] < 4.5] == []
    ground = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is (scheme == "light")
