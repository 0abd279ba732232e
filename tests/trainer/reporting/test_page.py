"""The page of a run or of several: what it holds, that it needs nothing else, and that names are text in it.

How it looks and answers is for a browser: `test_report_in_a_browser`.
"""

import base64
import hashlib
import io
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import run_folder
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.reporting.page import name_runs
from tintmill.trainer.reporting.page import render as render_page

HOSTILE = "<script>alert(1)</script>\"'`&amp;\n</title>${1}{{ 1 }}"


class Parsed(HTMLParser):
    """A page's elements as (tag, attributes, its own text), in order."""

    VOID = ("meta", "img", "br", "input")

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict, list[str]]] = []
        self._open: list[tuple] = []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        opened = self._open.pop()
        assert opened[0] == tag, (opened, tag)

    def handle_data(self, data):
        if self._open:
            self._open[-1][2].append(data)

    def all(self, *tags: str) -> list[tuple[str, dict, str]]:
        return [(tag, attrs, "".join(text)) for tag, attrs, text in self.elements if tag in tags]

    def texts(self, *tags: str) -> list[str]:
        return [text.strip() for _, _, text in self.all(*tags)]

    def terms(self) -> dict[str, str]:
        return dict(zip(self.texts("dt"), self.texts("dd"), strict=True))


@pytest.fixture
def run(tmp_path) -> Path:
    """An evaluated run."""
    made = run_folder.make(tmp_path / "first")
    run_folder.evaluate(made, ids=("one", "two", "three", "four", "five"))
    return made


def render(*runs: Path) -> str:
    return render_page([str(run) for run in runs])


def pixels(url: str) -> np.ndarray:
    """Of a JPEG in a data URL."""
    data = base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image).astype(int)


def groups(page: str) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """(heading, [(id, names of the layers)]) of each group of examples."""
    found = []
    for tag, attrs, text in ((tag, attrs, "".join(text)) for tag, attrs, text in Parsed(page).elements):
        if tag == "h4" and not text.startswith("Protocol"):
            found.append((text, []))
        elif attrs.get("class") == "stack":
            found[-1][1].append((attrs["data-id"], []))
        elif attrs.get("class") == "layer":
            found[-1][1][-1][1].append(attrs["data-name"])
    return found


@pytest.mark.parametrize("several", [False, True])
def test_the_page_asks_for_nothing_outside_itself(run, tmp_path, several):
    page = render(run, run_folder.make(tmp_path / "second")) if several else render(run)
    parsed = Parsed(page)
    asked = {"src", "href", "srcset", "data", "poster", "action", "background"}
    links = [value for _, attrs, _ in parsed.elements for key, value in attrs.items() if key in asked]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _, _ in parsed.elements}
    assert not re.search(r"@import|url\(|https?:", "".join(parsed.texts("style", "script")))
    targets = {attrs["id"] for _, attrs, _ in parsed.elements if "id" in attrs}
    assert {link[1:] for link in links if link.startswith("#")} <= targets


def test_its_policy_allows_its_own_style_and_script_and_nothing_else(run):
    parsed = Parsed(render(run))
    (policy,) = (attrs["content"] for _, attrs, _ in parsed.all("meta") if "http-equiv" in attrs)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    for kind in ("style", "script"):
        ((_, _, text),) = parsed.all(kind)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(f"{kind}-src") == f"'sha256-{digest}'"
    assert not rules
    assert not [attrs for _, attrs, _ in parsed.elements if "style" in attrs or any(key[:2] == "on" for key in attrs)]


def test_the_same_run_gives_the_same_page(run):
    assert render(run) == render(run)


def test_headings_are_in_order_and_everything_has_a_name(run, tmp_path):
    second = run_folder.make(tmp_path / "second", learning_rate=0.5)
    run_folder.evaluate(second, ids=("one", "six"))
    for page in (render(run), render(run, second)):
        parsed = Parsed(page)
        levels = [int(tag[1]) for tag, _, _ in parsed.all("h1", "h2", "h3", "h4", "h5")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(level <= before + 1 for before, level in itertools.pairwise(levels))
        assert all(attrs["alt"].strip() for _, attrs, _ in parsed.all("img"))
        assert all(attrs["scope"] in ("row", "col") for _, attrs, _ in parsed.all("th"))
        ids = [attrs["id"] for _, attrs, _ in parsed.elements if "id" in attrs]
        assert len(ids) == len(set(ids))
        labels = {attrs["aria-labelledby"] for _, attrs, _ in parsed.elements if "aria-labelledby" in attrs}
        assert labels <= set(ids)
        assert parsed.all("html")[0][1]["lang"] == "en"


def test_every_row_is_shown_with_its_intervals_and_the_protocol_below(run):
    parsed = Parsed(render(run))
    rows = [text for _, attrs, text in parsed.all("th") if attrs["scope"] == "row"]
    assert rows == ["koalarization", *run_folder.TRIVIAL, "truth"]
    cells = parsed.texts("td")
    assert cells[:5] == ["12", "0", "21.50", "0.910", "12.35"]
    spans = [text for _, attrs, text in parsed.all("span") if attrs.get("class") == "interval"]
    assert spans[:4] == ["20.50–22.75", "11.50–13.25", "19.00–21.25", "11.50–13.25"]
    assert len(spans) == 2 * 6
    assert parsed.terms()["resize"] == "squash, bicubic"


def test_a_score_that_is_none_is_a_dash(run):
    """As when every PSNR was infinite."""
    rows = json.loads((run / "evaluation" / "val" / "metrics.json").read_text())["rows"]
    rows[0] |= {"psnr": None, "intervals": {}}
    run_folder.change(run, rows=rows)
    assert Parsed(render(run)).texts("td")[2] == "-"


def test_a_picture_equal_to_the_truth_is_said_to_be(run):
    path = run / "evaluation" / "val" / "metrics.json"
    examples = json.loads(path.read_text())["examples"]
    examples[0]["scores"]["psnr"] = None
    run_folder.change(run, examples=examples)
    assert "CIEDE2000 9.2, equal to the truth" in render(run)


def test_examples_are_grouped_by_why_they_were_kept(run):
    layers = ["grey", "coloured", "truth"]
    assert groups(render(run)) == [
        ("Pictures: best by CIEDE2000", [("two", layers)]),
        ("Pictures: around the median of CIEDE2000", [("three", layers)]),
        ("Pictures: worst by CIEDE2000", [("four", layers)]),
        ("Pictures: the first of the split, less those above", [("one", layers), ("five", layers)]),
    ]


def test_a_picture_kept_for_several_reasons_is_shown_once_and_says_so(run):
    """Of few pictures the first are also the best and the worst."""
    kept = json.loads((run / "evaluation" / "val" / "metrics.json").read_text())["examples"][0]
    run_folder.change(run, examples=[kept | {"why": why} for why in ("first", "best", "worst")])
    page = render(run)
    assert groups(page) == [("Pictures: best by CIEDE2000", [("one", ["grey", "coloured", "truth"])])]
    assert "CIEDE2000 9.2, 20.5 dB (best, worst)" in page


def test_pictures_keep_their_colours_as_jpegs(run):
    """Mean error below 3 of 255 in every channel, and colours at the resolution of brightness."""
    images = [attrs["src"] for _, attrs, _ in Parsed(render(run)).all("img")]
    urls = [url for url in images if url.startswith("data:image/jpeg")]
    assert len(urls) == 15
    for kind, url in zip(("grey", "coloured", "truth"), urls, strict=False):
        with Image.open(run / "evaluation" / "val" / f"001_{kind}.png") as image:
            assert np.abs(pixels(url) - np.asarray(image)).mean(axis=(0, 1)).max() < 3
    with Image.open(io.BytesIO(base64.b64decode(urls[2].partition(",")[2]))) as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3  # sampling factors


@pytest.mark.real_data
def test_a_page_of_24_real_pictures_stays_below_6_megabytes(real_data, tmp_path):
    photos = sorted((real_data / "bsds500").rglob("*.jpg"))[:24]
    assert len(photos) == 24
    run = run_folder.make(tmp_path / "run")
    folder = run_folder.evaluate(run, ids=tuple(f"photo {i}" for i in range(24)))
    for number, path in enumerate(photos):
        with Image.open(path) as image:
            square = image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
            for kind in ("grey", "coloured", "truth"):
                square.save(folder / f"{number:03d}_{kind}.png")
    assert len(render(run)) < 6e6


def test_large_pictures_are_shrunk_for_the_page_and_keep_their_shape(run):
    """A folder's pictures are scored at full size."""
    for kind in ("grey", "coloured", "truth"):
        Image.new("RGB", (3000, 1500)).save(run / "evaluation" / "val" / f"001_{kind}.png")
    images = [attrs["src"] for _, attrs, _ in Parsed(render(run)).all("img")]
    sizes = [pixels(url).shape for url in images if url.startswith("data:image/jpeg")]
    assert sizes[:3] == [(224, 448, 3)] * 3
    assert sizes[6] == (48, 48, 3)


def test_scores_that_only_some_evaluations_have_are_columns_where_there_are_any(run, tmp_path):
    headings = [text for _, attrs, text in Parsed(render(run)).all("th") if attrs["scope"] == "col"]
    assert "CIEDE2000 ↓" in headings
    assert "LPIPS ↓" not in headings
    second = run_folder.make(tmp_path / "second")
    rows = [run_folder.make_row(name, 20.0) for name in ("net", "grey")]
    rows[0]["lpips"] = 0.1234
    run_folder.evaluate(second, rows=rows)
    parsed = Parsed(render(run, second))
    headings = [text for _, attrs, text in parsed.all("th") if attrs["scope"] == "col"]
    assert "LPIPS ↓" in headings
    assert parsed.texts("td").count("0.123") == 1


def test_colours_lost_are_shown_with_the_mean_chroma_in_words(run):
    alts = [attrs["alt"] for _, attrs, _ in Parsed(render(run)).all("img")]
    assert [alt.split(":")[0] for alt in alts if alt.startswith(("Map", "Share"))] == [
        "Map of the colours of truth",
        "Map of the colours of first",
        "Share of pixels over chroma. truth",
    ]


def test_several_runs_share_the_rows_that_are_the_same(run, tmp_path):
    second = run_folder.make(tmp_path / "second")
    run_folder.evaluate(second, psnr=22.5)
    page = render(run, second)
    rows = [text for _, attrs, text in Parsed(page).all("th") if attrs["scope"] == "row"]
    assert rows[:7] == ["first: koalarization", "second: koalarization", *run_folder.TRIVIAL, "truth"]
    assert "were scored on different pictures" not in page
    assert page.count("Protocol: first, second") == 1


def test_runs_scored_on_different_pictures_are_told_apart(run, tmp_path):
    second = run_folder.make(tmp_path / "second")
    names = ("net", *run_folder.TRIVIAL)
    rows = [run_folder.make_row(name, 19.0) for name in names]
    run_folder.evaluate(second, rows=rows, protocol_card={"resize": "crop"})
    page = render(run, second)
    assert "were scored on different pictures" in page
    labels = [text for _, attrs, text in Parsed(page).all("th") if attrs["scope"] == "row"]
    assert {"grey (first)", "grey (second)"} <= set(labels)
    assert "Protocol: first<" in page
    assert "Protocol: second<" in page


def test_a_split_that_not_all_runs_were_scored_on_names_those_that_were(run, tmp_path):
    second = run_folder.make(tmp_path / "second")
    run_folder.evaluate(second)
    assert "Of these runs only" not in render(run, second)
    run_folder.evaluate(second, split="test")
    assert "Of these runs only second was scored on it." in render(run, second)


def test_the_same_pictures_of_several_runs_are_side_by_side(run, tmp_path):
    """Another picture of the same name, as of another dataset, is not the same."""
    second = run_folder.make(tmp_path / "second")
    folder = run_folder.evaluate(second, ids=("one", "two", "another", "four"))
    with Image.open(folder / "003_truth.png") as image:
        other = Image.fromarray(255 - np.asarray(image))
    other.save(folder / "003_truth.png")
    both, alone = ["grey", "first", "second", "truth"], ["grey", "coloured", "truth"]
    assert groups(render(run, second)) == [
        ("The same pictures by each run", [("two", both), ("one", both)]),
        ("first: around the median of CIEDE2000", [("three", alone)]),
        ("first: worst by CIEDE2000", [("four", alone)]),
        ("first: the first of the split, less those above", [("five", alone)]),
        ("second: around the median of CIEDE2000", [("another", alone)]),
        ("second: worst by CIEDE2000", [("four", alone)]),
    ]


def test_settings_in_which_runs_differ_come_first_and_are_marked(run, tmp_path):
    second = run_folder.make(tmp_path / "second", loss="bins", seed=7)
    page = render(run, second)
    rows = re.findall(r'<tr class="differs"><th scope="row">(\w+) ≠</th><td>(\w+)</td><td>(\w+)</td>', page)
    assert rows == [("loss", "mse", "bins"), ("seed", "0", "7")]
    assert page.index("seed ≠") < page.index('<th scope="row">network</th>')
    assert "minimise different losses" in page
    third = run_folder.make(tmp_path / "third", seed=9)
    assert "minimise different losses" not in render(run, third)


def test_hardware_versions_and_data_are_told(run):
    text = (run / "starts.jsonl").read_text()
    moved = json.loads(text) | {"step": 20, "devices": ["CPU:0"], "workers": 2}
    (run / "starts.jsonl").write_text(text + json.dumps(moved) + "\n")
    parsed = Parsed(render(run))
    said = parsed.texts("dd")
    assert [entry for entry in said if entry.startswith("from step")] == ["from step 0 to 20", "from step 20"]
    assert "GPU:0 A Very Fast One" in said
    assert "CPU:0, those of the first of 2 workers" in said
    assert "tintmill 0.2.0, tensorflow 2.21.0, keras 3.15.1, python 3.11.2" in said
    terms = parsed.terms()
    assert terms["splits"] == "train 27, val 12; all by hash"
    assert terms["pictures"] == "39 kept of 41"
    assert "1 not_a_picture: no supported picture format recognises the content" in terms["left out"]
    assert terms["source"] == "folder: /photos"
    assert terms["mean chroma"] == "48.80"
    assert terms["fingerprint"] == run_folder.MANIFEST.fingerprint
    (run / "starts.jsonl").unlink()
    assert "Not recorded: trained by an older version." in render(run)


def test_a_run_that_was_not_evaluated_says_so(run, tmp_path):
    (run / "evaluation" / "val" / "metrics.json").unlink()  # written last: killed before
    assert "Not evaluated yet" in render(run)
    assert "first, second: Not evaluated yet" in render(run, run_folder.make(tmp_path / "second"))


def test_scores_on_training_pictures_come_with_a_warning(run):
    assert "Scored on the pictures it was trained on (" not in render(run)
    run_folder.change(run, same_pictures_as_training=True)
    assert "Scored on the pictures it was trained on (27)" in render(run)


@pytest.mark.parametrize(
    "change",
    [
        *({key: None} for key in ("protocol_card", "ab_histograms", "examples", "rows", "same_pictures_as_training")),
        {"rows": []},
        {"ab_histograms": {"truth": [[1]], "run": [[1, 2]], "step": 4, "low": -110}},
        {"ab_histograms": {"truth": [[1]], "run": [[1]], "step": 0, "low": -110}},
        {"examples": [{"id": "a", "why": "first", "files": {}, "scores": {}}]},
        {"rows": [{"row": "net", "pictures": 1, "infinite_psnr": 0, "psnr": 20.0}]},
        {"rows": [run_folder.make_row("net", 20.0) | {"psnr": "20"}]},
    ],
)
def test_an_evaluation_of_another_shape_is_to_be_made_again(run, change):
    run_folder.change(run, **change)
    with pytest.raises(TintmillError, match=r"metrics.json is damaged.*; evaluate again on --split=val"):
        render(run)


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_picture_is_to_be_made_again(run, damage):
    path = run / "evaluation" / "val" / "001_truth.png"
    data = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TintmillError, match="evaluate again on --split=val"):
        render(run)


def test_no_file_outside_the_evaluation_gets_into_the_page(run, tmp_path):
    """Whoever hands on a run directory must not decide which of my pictures are shown."""
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    path = run / "evaluation" / "val" / "metrics.json"
    examples = json.loads(path.read_text())["examples"]
    examples[0]["files"]["truth"] = str(tmp_path / "secret.png")
    run_folder.change(run, examples=examples)
    with pytest.raises(TintmillError, match="evaluate again"):
        render(run)


def test_what_people_name_their_things_is_text(tmp_path):
    name = HOSTILE.replace("/", "|")
    run = run_folder.make(tmp_path / name, validation_split=HOSTILE)
    run_folder.evaluate(run, ids=(HOSTILE,), protocol_card={HOSTILE: HOSTILE})
    other = run_folder.make(tmp_path / "other")
    for page in (render(run), render(run, other)):
        parsed = Parsed(page)
        assert len(parsed.all("script")) == 1
        assert HOSTILE in [attrs.get("data-id") for _, attrs, _ in parsed.elements]
        assert f"grey: {HOSTILE}" in [attrs["alt"] for _, attrs, _ in parsed.all("img")]
        assert name in parsed.texts("h1")[0]
        assert name in parsed.texts("title")[0]
        assert HOSTILE in parsed.texts("dt")


def test_runs_are_called_by_their_folders_where_that_tells_them_apart():
    assert name_runs(["a/first/", "b/second"]) == ["first", "second"]
    assert name_runs(["a/run", "b/run"]) == ["a/run", "b/run"]
    with pytest.raises(TintmillError, match=r"\./a is given twice"):
        name_runs(["a", "./a"])
