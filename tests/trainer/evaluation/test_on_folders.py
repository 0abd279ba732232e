"""Other people's pictures against the true ones: what is matched, what is left out and said, what the scores mean."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers
from tests.support.helpers import encode, photo_pixels
from tintmill.model.metrics import colour_accuracy
from tintmill.model.metrics import scores as picture_scores
from tintmill.model.metrics.ab_histogram import ab_histogram
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import ab_bins, fidelity, lab
from tintmill.trainer.evaluation import on_folders, scoring


def write(folder: Path, pictures: dict[str, np.ndarray | bytes]) -> Path:
    """Files by name: pixels as PNG whatever the name, or bytes."""
    for name, content in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else encode(content))
    return folder


def run_judge(tmp_path, pictures, truth, *flags):
    """The command's result, and metrics.json where it wrote one."""
    done = helpers.tintmill(
        "evaluate", f"--pictures={pictures}", f"--truth={truth}", f"--output={tmp_path / 'scores'}", *flags
    )
    path = tmp_path / "scores" / "metrics.json"
    return done, json.loads(path.read_text()) if path.exists() else None


def with_ab(truth: np.ndarray, share: float) -> np.ndarray:
    """The truth with its chroma times a share, at its own L*."""
    return lab.lab_to_rgb8(lab.rgb_to_lab(truth) * np.array([1, share, share]))


def luma_as_lightness(truth: np.ndarray) -> np.ndarray:
    """What a colorizer gives that takes luma (0.299 R + ...) / 2.55 for L*, with perfect ab."""
    values = lab.rgb_to_lab(truth)
    values[..., 0] = (truth @ np.array([0.299, 0.587, 0.114])) / 2.55
    return np.rint(lab.lab_to_rgb(values) * 255).astype(np.uint8)


def row_of(metrics: dict, name: str) -> dict:
    return next(row for row in metrics["rows"] if row["row"] == name)


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> dict:
    """metrics.json of 15 pictures, better coloured from one to the next, and of what has no partner."""
    folder = tmp_path_factory.mktemp("judged")
    truths = {f"{'ab'[i % 2]}/photo_{i}.jpg": photo_pixels(i) for i in range(14)}
    truths["c/grey.png"] = np.repeat(lab.to_grey(photo_pixels(77))[..., None], 3, axis=-1)
    pictures = {
        name.replace(".jpg", ".jpg.png" if i % 2 else ".jpeg"): with_ab(truth, i / 14)
        for i, (name, truth) in enumerate(truths.items())
    }
    pictures["c/grey.png"] = truths["c/grey.png"]
    write(folder / "truth", truths | {"a/alone.png": photo_pixels(50)})
    write(folder / "pictures", pictures | {"b/other.jpg": photo_pixels(51), "log.txt": b"a log"})
    done, metrics = run_judge(folder, folder / "pictures", folder / "truth", "--examples=2")
    assert done.returncode == 0, done.stderr
    return {"metrics": metrics, "done": done, "truths": truths, "pictures": pictures, "folder": folder}


def test_pictures_are_matched_by_name_without_extension(judged):
    assert [scores["id"] for scores in judged["metrics"]["pictures"]] == sorted(judged["truths"])


def test_every_picture_meets_its_own_truth(judged):
    for scores in judged["metrics"]["pictures"]:
        truth = judged["truths"][scores["id"]]
        stem = on_folders.stem(scores["id"])
        picture = next(p for name, p in judged["pictures"].items() if on_folders.stem(name) == stem)
        found = fidelity.compare(truth, picture)
        if np.isfinite(found["psnr"]):
            assert scores["psnr"] == pytest.approx(found["psnr"])
        assert scores["ciede2000"] == pytest.approx(found["ciede2000"])


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("truth a/alone.png", "no picture of its name"),
        ("picture b/other.jpg", "no truth of its name"),
        ("picture log.txt", "no truth of its name"),
    ],
)
def test_what_has_no_partner_is_named_and_counted(judged, file, reason):
    assert {"file": file, "reason": reason, "detail": ""} in judged["metrics"]["left_out"]
    assert len(judged["metrics"]["left_out"]) == 3
    assert f"LEFT OUT {file}: {reason}" in judged["done"].stderr
    assert file in judged["metrics"]["protocol_card"]["left_out"]
    assert "3 left out" in judged["metrics"]["protocol_card"]["left_out"]


def test_a_grey_truth_is_counted_and_its_infinite_psnr_left_out(judged):
    grey = row_of(judged["metrics"], "grey")
    answers = judged["metrics"]["rows"][0]
    assert grey["infinite_psnr"] == answers["infinite_psnr"] == 1
    assert grey["pictures"] == answers["pictures"] == 15
    assert judged["metrics"]["protocol_card"]["grey_truths"].startswith("1 of 15")
    finite = [scores["psnr"] for scores in judged["metrics"]["pictures"] if scores["psnr"] is not None]
    assert len(finite) == 14
    assert answers["psnr"] == pytest.approx(np.mean(finite))


def test_the_trivial_rows_have_the_truths_own_lightness_and_mean(judged):
    truths = [judged["truths"][scores["id"]] for scores in judged["metrics"]["pictures"]]
    mean = np.mean([np.rint(lab.rgb_to_lab(truth)[..., 1:]).mean((0, 1)) for truth in truths], axis=0)

    def psnr(ab):
        found = []
        for truth in truths:
            values = lab.rgb_to_lab(truth)
            values[..., 1:] = ab
            found.append(fidelity.psnr(truth, lab.lab_to_rgb8(values)))
        return np.mean([value for value in found if np.isfinite(value)])

    assert row_of(judged["metrics"], "grey")["psnr"] == pytest.approx(psnr((0, 0)))
    assert row_of(judged["metrics"], "mean ab of the truths")["psnr"] == pytest.approx(psnr(mean), abs=1e-2)
    assert row_of(judged["metrics"], "true ab halved")["psnr"] > row_of(judged["metrics"], "grey")["psnr"] + 3
    assert {row["row"] for row in judged["metrics"]["rows"]} >= {"another picture's ab", "truth itself"}


def test_the_rebalanced_auc_weighs_by_the_scored_truths(judged):
    counts = sum(
        ab_bins.count_pairs(lab.pack(lab.rgb_to_lab(judged["truths"][scores["id"]]), "lab8"))
        for scores in judged["metrics"]["pictures"]
    )
    weights = colour_accuracy.rarity(ab_bins.count_bins(counts))
    for scores in judged["metrics"]["pictures"][:3]:
        truth = judged["truths"][scores["id"]]
        stem = on_folders.stem(scores["id"])
        picture = next(p for name, p in judged["pictures"].items() if on_folders.stem(name) == stem)
        assert scores["auc_rebalanced"] == pytest.approx(
            picture_scores.score(truth, picture, weights)["auc_rebalanced"]
        )


def test_the_ab_histograms_count_all_scored_pixels(judged):
    found = judged["metrics"]["ab_histograms"]
    pixels = sum(judged["truths"][s["id"]][..., 0].size for s in judged["metrics"]["pictures"])
    assert (found["step"], found["low"]) == (4, -110)
    for name, pictures in (("truth", judged["truths"]), ("run", judged["pictures"])):
        counts = np.array(found[name])
        assert counts.shape == (55, 55)
        assert counts.sum() == pixels
        partners = {on_folders.stem(s["id"]) for s in judged["metrics"]["pictures"]}
        wanted = sum(ab_histogram(p) for key, p in pictures.items() if on_folders.stem(key) in partners)
        np.testing.assert_array_equal(counts, wanted)


def test_examples_are_the_first_the_best_the_median_and_the_worst(judged):
    metrics = judged["metrics"]
    kept = {
        why: [e["id"] for e in metrics["examples"] if e["why"] == why] for why in ("first", "best", "median", "worst")
    }
    by_difference = [s["id"] for s in sorted(metrics["pictures"], key=lambda s: s["ciede2000"])]
    assert kept["first"] == [s["id"] for s in metrics["pictures"][:2]]
    assert kept["best"] == by_difference[:4]
    assert kept["worst"] == by_difference[:-5:-1]
    assert kept["median"] == by_difference[5:9]


def test_example_files_are_the_pictures_they_are_said_to_be(judged):
    scores = {s["id"]: s for s in judged["metrics"]["pictures"]}
    for example in judged["metrics"]["examples"]:
        files = {kind: Image.open(judged["folder"] / "scores" / name) for kind, name in example["files"].items()}
        truth, coloured, grey = (np.asarray(files[kind]) for kind in ("truth", "coloured", "grey"))
        np.testing.assert_array_equal(truth, judged["truths"][example["id"]])
        assert fidelity.ciede2000(truth, coloured) == pytest.approx(scores[example["id"]]["ciede2000"])
        assert np.abs(lab.rgb_to_lab(grey)[..., 1:]).max() < 1
        assert example["scores"] == scores[example["id"]]


def test_every_row_has_intervals_around_its_means(judged):
    for row in judged["metrics"]["rows"][:-1]:
        for name in ("psnr", "psnr_pooled", "ssim", "auc_rebalanced", "colourfulness", "colourfulness_gap_each"):
            low, high = row["intervals"][name]
            assert low <= row[name] <= high, (row["row"], name)
    half = np.ptp(judged["metrics"]["rows"][0]["intervals"]["psnr"]) / 2
    assert f"{judged['metrics']['rows'][0]['psnr']:.2f} ±{half:.2f}" in judged["done"].stdout


def test_the_card_says_how_it_was_measured(judged):
    card = judged["metrics"]["protocol_card"]
    assert all(isinstance(text, str) for text in card.values())
    assert {"resize", "rounding", "colour_space", "truth", "left_out", "frechet", "lpips"} <= set(card)
    assert (card["bootstrap_resamples"], card["bootstrap_seed"]) == ("1000", "0")
    assert "none" in card["resize"]
    assert "not computed" in card["lpips"]
    for name, text in card.items():
        assert f"{name}: {text}" in judged["done"].stdout


def test_luma_taken_for_lightness_is_seen(tmp_path):
    """The ab is perfect, and every pixel is wrong."""
    truths = {f"{i}.png": photo_pixels(i) for i in range(4)}
    write(tmp_path / "truth", truths)
    write(tmp_path / "right", {name: with_ab(truth, 1) for name, truth in truths.items()})
    write(tmp_path / "luma", {name: luma_as_lightness(truth) for name, truth in truths.items()})
    rows = {}
    for name in ("right", "luma"):
        source = on_folders.others_pictures(str(tmp_path / name), str(tmp_path / "truth"), on_folders.Frame("none", 0))
        rows[name] = scoring.make_rows(scoring.score(source, scoring.Networks()))[0]
    wanted = [lab.rgb_to_lab(luma_as_lightness(truth)) - lab.rgb_to_lab(truth) for truth in truths.values()]
    assert rows["luma"]["lightness_error"] == pytest.approx(np.mean([np.abs(d[..., 0]).mean() for d in wanted]))
    assert rows["luma"]["lightness_error"] > 2
    assert rows["right"]["lightness_error"] < 0.1
    assert rows["luma"]["psnr"] < 35


@pytest.mark.real_data
def test_luma_taken_for_lightness_caps_psnr_as_measured(real_data):
    """30.5 dB on another hundred of these photographs; nothing a network learns gets above it."""
    found = []
    for path in sorted((real_data / "imagenet_imagen1000").iterdir()):
        with Image.open(path) as image:
            truth = np.asarray(image.convert("RGB").resize((96, 96), Image.Resampling.BICUBIC))
        found.append(fidelity.psnr(truth, luma_as_lightness(truth)))
    finite = [value for value in found if value < 60]
    assert np.mean(finite) == pytest.approx(30.5, abs=1.5)


@pytest.mark.real_data
@pytest.mark.slow
def test_the_trivial_rows_score_what_was_measured_on_imagenet(real_data):
    """On 1,000 photographs, squashed to 256x256, of which these 120 are a part, and a more colourful one."""
    folder = str(real_data / "imagenet_imagen1000")
    source = on_folders.others_pictures(folder, folder, on_folders.Frame("squash", 96))
    rows = {row["row"]: row for row in scoring.make_rows(scoring.score(source, scoring.Networks()))}
    measured = {
        "grey": {"psnr": 22.83, "psnr_pooled": 20.27, "ciede2000": 10.19, "auc": 89.37, "auc_rebalanced": 55.4},
        "mean ab of the truths": {"psnr": 23.03, "psnr_pooled": 20.82, "ciede2000": 11.26, "auc": 89.32},
        "true ab halved": {"psnr": 28.64, "psnr_pooled": 25.82, "ciede2000": 4.30, "auc": 94.7},
        "another picture's ab": {"psnr": 19.69, "psnr_pooled": 18.26, "ciede2000": 15.25, "auc": 84.25},
    }
    for row, values in measured.items():
        for name, value in values.items():
            low, high = rows[row]["intervals"][name]
            wide = 1.5 * (high - low)  # the sample is not a random one
            assert low - wide <= value <= high + wide, (row, name, rows[row][name], low, high)
    assert rows["pictures"]["infinite_psnr"] == rows["pictures"]["pictures"] == 120
    assert rows["grey"]["colourfulness_gap"] == pytest.approx(40.22, rel=0.3)


def test_files_of_one_name_are_left_out_together(tmp_path):
    """1.png and 1.jpg of a folder: which of them is meant, nobody knows."""
    truth = write(tmp_path / "truth", {"1.png": photo_pixels(1), "2.png": photo_pixels(2)})
    pictures = write(
        tmp_path / "pictures", {"1.png": photo_pixels(1), "1.jpg": photo_pixels(2), "2.webp": photo_pixels(2)}
    )
    pairs, left_out = on_folders.match(str(pictures), str(truth))
    assert [pair.name for pair in pairs] == ["2.png"]
    assert {entry.file for entry in left_out} == {"picture 1.png", "picture 1.jpg", "truth 1.png"}


def test_names_match_whatever_their_unicode_form(tmp_path):
    name = "Zürich.png"
    truth = write(tmp_path / "truth", {unicodedata.normalize("NFC", name): photo_pixels(1)})
    pictures = write(tmp_path / "pictures", {unicodedata.normalize("NFD", name): photo_pixels(1)})
    pairs, left_out = on_folders.match(str(pictures), str(truth))
    assert (len(pairs), left_out) == (1, [])


def test_a_picture_of_another_size_is_left_out_or_resized(tmp_path):
    small = np.asarray(Image.fromarray(photo_pixels(1)).resize((64, 48), Image.Resampling.BICUBIC))
    truth = write(tmp_path / "truth", {"1.png": photo_pixels(1), "2.png": photo_pixels(2)})
    pictures = write(tmp_path / "pictures", {"1.png": small, "2.png": photo_pixels(2)})
    done, metrics = run_judge(tmp_path, pictures, truth)
    assert done.returncode == 0, done.stderr
    assert [scores["id"] for scores in metrics["pictures"]] == ["2.png"]
    assert "LEFT OUT 1.png: picture and truth of different size (64x48, wanted 96x72)" in done.stderr
    done, metrics = run_judge(tmp_path, pictures, truth, "--resize=squash", "--size=32")
    assert done.returncode == 0, done.stderr
    assert [scores["id"] for scores in metrics["pictures"]] == ["1.png", "2.png"]
    assert metrics["pictures"][0]["psnr"] > 30
    assert "squash to 32x32" in metrics["protocol_card"]["resize"]
    assert Image.open(tmp_path / "scores" / "000_truth.png").size == (32, 32)


def test_pictures_of_many_sizes_are_scored_at_their_own(tmp_path):
    """The row of another picture's colours too: these are brought to size."""
    truths = {f"{i}.png": photo_pixels(i, 40 + 8 * i, 90 - 10 * i) for i in range(4)}
    truth, pictures = write(tmp_path / "truth", truths), write(tmp_path / "pictures", truths)
    source = on_folders.others_pictures(str(pictures), str(truth), on_folders.Frame("none", 0))
    rows = scoring.make_rows(scoring.score(source, scoring.Networks()))
    assert [row["pictures"] for row in rows] == [4] * 5
    assert next(row for row in rows if row["row"] == "another picture's ab")["psnr"] < 30


def test_the_truth_is_upright_and_srgb(tmp_path):
    """A camera's picture that lies on its side, against what a colorizer made of it as it is seen."""
    pixels = photo_pixels(3)
    exif = Image.Exif()
    exif[274] = 6  # its top is at the right
    lying = encode(np.rot90(pixels), "PNG", exif=exif)
    truth = write(tmp_path / "truth", {"1.png": lying})
    pictures = write(tmp_path / "pictures", {"1.png": pixels})
    source = on_folders.others_pictures(str(pictures), str(truth), on_folders.Frame("none", 0))
    (example,) = source.examples()
    np.testing.assert_array_equal(example.truth, pixels)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file has no bytes"),
        (b"not a picture", "no supported picture format"),
        (encode(photo_pixels(1))[:900], "the picture data ends early"),
        (encode(photo_pixels(1, 20, 90)), "a side below 32 pixels"),
    ],
)
@pytest.mark.parametrize("side", ["truth", "pictures"])
def test_what_cannot_be_read_is_left_out_with_its_reason(tmp_path, content, reason, side):
    good = {"1.png": photo_pixels(1), "2.png": photo_pixels(2)}
    folders = {name: write(tmp_path / name, good) for name in ("truth", "pictures")}
    write(folders[side], {"1.png": content})
    source = on_folders.others_pictures(str(folders["pictures"]), str(folders["truth"]), on_folders.Frame("none", 0))
    assert [example.id for example in source.examples()] == ["2.png"]
    assert len(source.left_out) == 1
    assert source.left_out[0].file == f"{side.removesuffix('s')} 1.png"
    assert reason in source.left_out[0].reason


@pytest.mark.real_data
def test_hostile_files_are_scored_or_named(real_data, tmp_path):
    """349 odd files as pictures and truth at once: each is either scored or left out, and nothing ends the command."""
    folder = str(real_data / "odd_images")
    pairs, doubled = on_folders.match(folder, folder)
    source = on_folders.others_pictures(folder, folder, on_folders.Frame("squash", 32))
    listed = sum(1 for path in Path(folder).rglob("*") if path.is_file() or path.is_symlink())
    assert len(pairs) + len(doubled) // 2 == listed
    assert len(source._pairs) + len(source.left_out) == len(pairs) + len(doubled)
    assert len(source._pairs) > 50


def test_nothing_in_common_is_refused(tmp_path):
    truth = write(tmp_path / "truth", {"1.png": photo_pixels(1)})
    pictures = write(tmp_path / "pictures", {"2.png": photo_pixels(1)})
    done, _ = run_judge(tmp_path, pictures, truth)
    helpers.assert_one_line_error(done, "has its truth in", "2 files have no partner", "1.png", "2.png")


def test_only_unusable_pictures_are_refused(tmp_path):
    truth = write(tmp_path / "truth", {"1.png": photo_pixels(1)})
    pictures = write(tmp_path / "pictures", {"1.png": b"nothing"})
    done, _ = run_judge(tmp_path, pictures, truth)
    helpers.assert_one_line_error(done, "no picture can be scored", "1.png", "no supported picture format")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    truth = write(tmp_path / "truth", {"1.png": photo_pixels(1)})
    done, _ = run_judge(tmp_path, tmp_path / "none", truth)
    helpers.assert_one_line_error(done, "--pictures=", "no such folder")


def test_results_are_never_written_among_the_pictures(tmp_path):
    """They would be pictures of the next evaluation."""
    truth = write(tmp_path / "truth", {"000_truth.png": photo_pixels(1)})
    pictures = write(tmp_path / "pictures", {"000_truth.png": photo_pixels(1)})
    for inside in (pictures, pictures / "scores"):
        done = helpers.tintmill("evaluate", f"--pictures={pictures}", f"--truth={truth}", f"--output={inside}")
        helpers.assert_one_line_error(done, "--output=", "lies in --pictures=")
    assert [path.name for path in pictures.iterdir()] == ["000_truth.png"]


def test_an_earlier_judgement_is_replaced_and_nothing_else(tmp_path):
    truth = write(tmp_path / "truth", {f"{i}.png": photo_pixels(i) for i in range(3)})
    write(tmp_path / "scores", {"017_coloured.png": photo_pixels(9), "mine.png": photo_pixels(9), "notes.txt": b"mine"})
    done, _ = run_judge(tmp_path, truth, truth, "--examples=1")
    assert done.returncode == 0, done.stderr
    left = {path.name for path in (tmp_path / "scores").iterdir()}
    assert {"mine.png", "notes.txt", "metrics.json", "000_truth.png"} <= left
    assert "017_coloured.png" not in left


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--data=D", "--truth=T"],
        ["--pictures=P"],
        ["--run=R"],
        ["--run=R", "--data=D", "--truth=T"],
        ["--compare", "--run=R", "A"],
    ],
)
def test_other_combinations_of_flags_are_refused(flags):
    done = helpers.tintmill("evaluate", *flags)
    helpers.assert_one_line_error(done, "--pictures and --truth", code=2)


@pytest.mark.parametrize(("how", "size"), [("none", 64), ("squash", 0), ("crop", 16)])
def test_a_size_that_does_not_fit_the_resizing_is_refused(how, size):
    with pytest.raises(TintmillError, match=f"--size={size}: .*--resize={how}|--resize=none"):
        on_folders.Frame(how, size)


def test_the_output_must_be_named(tmp_path):
    truth = write(tmp_path / "truth", {"1.png": photo_pixels(1)})
    done = helpers.tintmill("evaluate", f"--pictures={truth}", f"--truth={truth}")
    helpers.assert_one_line_error(done, "--output is not given")


def test_judging_pictures_needs_no_tensorflow(tmp_path):
    """A folder of other people's pictures is scored on any machine, in seconds."""
    truth = write(tmp_path / "truth", {"1.png": photo_pixels(1)})
    loaded = helpers.run_python(
        "import sys; from tintmill.trainer import evaluate; assert evaluate.run_command(sys.argv[1:]) == 0; "
        "print('LOADED', *sorted(sys.modules))",
        f"--pictures={truth}",
        f"--truth={truth}",
        f"--output={tmp_path / 'scores'}",
    )
    modules = loaded.split("LOADED")[1].split()
    assert not {"tensorflow", "keras"} & set(modules)


def test_the_log_of_colorize_is_no_picture_without_a_truth(tmp_path):
    truth = {"a.png": photo_pixels(0), "colorize.jsonl.png": photo_pixels(1)}
    write(tmp_path / "truth", truth)
    write(tmp_path / "pictures", truth | {"colorize.jsonl": b"{}"})
    pairs, left_out = on_folders.match(str(tmp_path / "pictures"), str(tmp_path / "truth"))
    assert [pair.name for pair in pairs] == ["a.png", "colorize.jsonl.png"]
    assert left_out == []


def test_an_empty_folder_is_named_by_its_flag(tmp_path):
    write(tmp_path / "pictures", {"a.png": photo_pixels(0)})
    (tmp_path / "truth").mkdir()
    with pytest.raises(TintmillError, match=rf"^--truth={tmp_path}/truth: no files in it; wanted pictures"):
        on_folders.match(str(tmp_path / "pictures"), str(tmp_path / "truth"))


def test_an_output_that_cannot_be_is_told_before_pictures_are_read(judged, tmp_path):
    folder = judged["folder"]
    flags = [f"--pictures={folder / 'pictures'}", f"--truth={folder / 'truth'}", "--output=gs://bucket/scores"]
    done = helpers.tintmill("evaluate", *flags)
    helpers.assert_one_line_error(done, "--output=gs://bucket/scores", "on this machine")
    assert "reading" not in done.stderr


def test_folders_of_a_bucket_are_scored_as_local_ones(judged, bucket, tmp_path):
    """To the last digit, with what is left out; what is not there is one line."""
    folder = judged["folder"]
    bucket.upload(folder / "truth", "true")
    bucket.upload(folder / "pictures", "coloured")
    done, found = run_judge(tmp_path, bucket / "coloured", bucket / "true/", "--examples=2")
    assert done.returncode == 0, done.stderr
    told = ("truth_folder", "pictures_folder")
    assert [found.pop(name) for name in told] == [bucket / "true", bucket / "coloured"]
    assert found == {name: value for name, value in judged["metrics"].items() if name not in told}
    done, _ = run_judge(tmp_path, folder / "pictures", bucket / "absent")
    helpers.assert_one_line_error(done, f"--truth={bucket / 'absent'}: no files in it")
    done, _ = run_judge(tmp_path, folder / "pictures", "gs://no-such-bucket/true")
    helpers.assert_one_line_error(done, "gs://no-such-bucket: no such bucket")


def test_the_card_says_that_the_bins_shares_are_smoothed(judged):
    assert "by a Gaussian of sigma 5" in judged["metrics"]["protocol_card"]["auc"]
    assert "by a Gaussian of sigma 5" in judged["metrics"]["protocol"]
