"""The study: nothing but colour tells real from coloured, no answer is lost, and the shares are computed right."""

import collections
import json
import random
import re
import signal
import sqlite3
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers, pages, studies
from tintmill.launch.pages.studies import app, pictures, result, settings, trials
from tintmill.launch.pages.studies.answers import Answered, Answers
from tintmill.launch.pages.studies.settings import CHECK, REAL, Study, StudySettings
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab

SMALL = ("--questions=6", "--practice=2", "--checks=2", "--side=64")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    return studies.write_folders(tmp_path_factory.mktemp("folders"))


def flags_for(folders: Path, output: Path) -> list[str]:
    coloured = [f"--coloured={name}={folders / name}" for name in ("mine", "other")]
    return [f"--real={folders / 'real'}", *coloured, f"--output={output}"]


@pytest.fixture(scope="module")
def prepared(folders, tmp_path_factory) -> dict[str, Study]:
    """A prepared study of each mode."""
    made = tmp_path_factory.mktemp("studies")
    return {mode: studies.make(folders, made / mode, mode=mode) for mode in settings.MODES}


@contextmanager
def running(study: Study, path: Path):
    """The address of a study's server, and its answers, which are in `path`."""
    answers = Answers(str(path))
    with pages.serving_app(app.build(study, answers)) as address:
        yield address, answers
    answers.close()


def go_through(visitor: pages.Visitor, choose, begin: bool = True) -> dict:
    """Answers all questions with `choose(question)`; returns what the server said at last."""
    question = visitor.post("begin", {}).json if begin else visitor.ask("next").json
    while "done" not in question:
        answer = {"number": question["number"], "answer": choose(question), "milliseconds": 100 * question["number"]}
        assert visitor.post("answer", answer).status == 200
        question = visitor.ask("next").json
    return question


# --- intervals


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(successes, count, low, high):
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3."""
    assert result.wilson(successes, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "count"), [(0, 1), (1, 1), (3, 7), (50, 100), (459, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_intervals_are_scipys(successes, count, confidence):
    from scipy import stats

    wanted = stats.binomtest(successes, count).proportion_ci(confidence, "wilson")
    assert result.wilson(successes, count, confidence) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


@pytest.mark.parametrize(("successes", "count"), [(0, 0), (2, 1), (-1, 3)])
def test_wilson_intervals_of_nothing_are_refused(successes, count):
    with pytest.raises(ValueError):
        result.wilson(successes, count)


# --- pictures


@pytest.mark.parametrize(
    ("name", "key"),
    [("a/b.jpg", "a/b"), ("a/b.bmp.png", "a/b"), ("b.JPEG", "b"), ("v1.2.png", "v1.2"), ("b", "b"), (".jpg", ".jpg")],
)
def test_pictures_are_matched_by_name_without_extensions(name, key):
    assert pictures.key_of(name) == key


def test_pictures_that_a_folder_lacks_are_left_out_and_named(folders, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "colorize.jsonl").write_text("{}")
    matched, left_out = pictures.match(StudySettings(str(folders / "real"), {"mine": str(tmp_path / "mine")}))
    assert not matched
    assert len(left_out) == 12
    assert left_out[0] == {"picture": "sub/p00", "why": "not in the folder of mine"}


def test_two_pictures_of_one_name_are_refused(tmp_path):
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(TintmillError, match=r"--real=.*a\.jpg and .*a\.png are both 'a'"):
        pictures.match(StudySettings(str(tmp_path), {}))


def test_a_folder_that_is_not_there_is_named_with_its_flag(folders):
    with pytest.raises(TintmillError, match="--coloured=mine=/nowhere: no such folder"):
        pictures.match(StudySettings(str(folders / "real"), {"mine": "/nowhere"}))


def test_all_versions_come_to_the_smallest_size_and_none_is_scaled_up():
    large, small = Image.new("RGB", (200, 100), "red"), Image.new("RGB", (100, 50), "red")
    sizes = {v.shape for v in pictures.same_size({REAL: large, "mine": small, "other": large}, 512).values()}
    assert sizes == {(50, 100, 3)}
    sizes = {v.shape for v in pictures.same_size({REAL: large, "mine": large}, 64).values()}
    assert sizes == {(32, 64, 3)}


@pytest.mark.parametrize(
    ("real", "mine", "why"),
    [
        (Image.new("RGB", (90, 60), "red"), Image.new("RGB", (60, 60), "red"), "another shape"),
        (Image.new("RGB", (90, 60), "gray"), Image.new("RGB", (90, 60), "red"), "no colour"),
        (Image.new("RGB", (900, 60), "red"), Image.new("RGB", (90, 6), "red"), "too small"),
    ],
)
def test_pictures_that_cannot_be_compared_are_left_out(real, mine, why):
    with pytest.raises(pictures._LeftOut, match=why):
        pictures.same_size({REAL: real, "mine": mine}, 512)


def test_a_picture_that_cannot_be_read_is_left_out_with_its_reason(folders, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_text("not a picture")
    study = Study(str(tmp_path), "id", StudySettings("", {"mine": ""}, side=64), [], [])
    good = str(folders / "real" / "sub" / "p00.jpg")
    names, left_out = pictures.prepare(
        study, {"bad": {REAL: good, "mine": str(broken)}, "good": {REAL: good, "mine": good}}
    )
    assert names == ["good"]
    assert left_out[0]["picture"] == "bad"
    assert "no supported picture format" in left_out[0]["why"]


def chunks(data: bytes) -> set[bytes]:
    """The kinds of chunks in a PNG file."""
    found, place = set(), 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        found.add(data[place + 4 : place + 8])
        place += 12 + length
    return found


def test_pictures_shown_are_of_one_format_and_size_and_carry_nothing_else(prepared):
    study = prepared["2afc"]
    for number in range(len(study.pictures)):
        versions = [Path(study.picture_path(number, v)).read_bytes() for v in (REAL, CHECK, "mine", "other")]
        assert {frozenset(chunks(data)) for data in versions} == {frozenset((b"IHDR", b"IDAT", b"IEND"))}
        assert len({data[:33] for data in versions}) == 1  # size, depth and colour type


def test_checks_have_garish_colours_and_the_pictures_own_lightness():
    pixels = np.full((60, 80, 3), (120, 110, 100), np.uint8)
    fake = pictures.garish(pixels, "name")
    assert np.abs(lab.rgb_to_lab(fake)[..., 0] - lab.rgb_to_lab(pixels)[..., 0]).max() < 0.5
    assert np.linalg.norm(lab.rgb_to_lab(fake)[..., 1:], axis=-1).mean() > 30
    assert (pictures.garish(pixels, "name") == fake).all()


# --- trials


@pytest.mark.parametrize("mode", settings.MODES)
def test_each_picture_is_asked_once_and_models_equally_often(mode):
    wanted = StudySettings("", {"mine": "", "other": ""}, mode, questions=20, practice=4, checks=3)
    drawn = trials.draw(wanted, wanted.pictures_needed, random.Random(0))
    assert [t.number for t in drawn] == list(range(27))
    assert len({t.picture for t in drawn}) == 27
    assert [t.part for t in drawn] == ["practice"] * 4 + ["question"] * 23
    asked = collections.Counter(t.fake for t in drawn if t.part == "question")
    models = 5 if mode == "single" else 10
    assert asked == {"mine": models, "other": models, CHECK: 3} | ({REAL: 10} if mode == "single" else {})


def test_sides_orders_and_tokens_are_random():
    wanted = StudySettings("", {"mine": ""}, questions=40)
    people = [trials.draw(wanted, 60, random.Random(seed)) for seed in range(5)]
    sides = collections.Counter(t.right for drawn in people for t in drawn)
    assert 0.35 < sides["a"] / sides.total() < 0.65
    assert len({tuple(t.picture for t in drawn) for drawn in people}) == 5
    tokens = [token for drawn in people for t in drawn for token in (t.token_a, t.token_b)]
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize(
    ("a", "b", "right", "fake"),
    [
        ("real", "mine", "b", "mine"),
        ("check", "real", "a", "check"),
        ("mine", "", "coloured", "mine"),
        ("real", "", "real", "real"),
        ("check", "", "coloured", "check"),
    ],
)
def test_the_right_answer_follows_from_what_is_shown(a, b, right, fake):
    trial = trials.Trial(0, "question", 0, a, b, "", "")
    assert (trial.right, trial.fake) == (right, fake)


# --- serving


@pytest.mark.parametrize("mode", settings.MODES)
def test_nothing_sent_tells_which_picture_is_real(prepared, tmp_path, mode):
    with running(prepared[mode], tmp_path / "answers.db") as (address, _):
        visitor, seen = pages.Visitor(address), set()
        question = visitor.post("begin", {}).json
        told = json.dumps(question)
        while "done" not in question:
            for path in question["pictures"]:
                answer = visitor.ask(path)
                quiet = {k.lower(): v for k, v in answer.headers.items() if k.lower() not in ("date", "content-length")}
                seen.add(tuple(sorted(quiet.items())))
                assert re.fullmatch(r"picture/[\w-]{16}", path)
            answer = {"number": question["number"], "answer": trials.ANSWERS[mode][0], "milliseconds": 1}
            said = visitor.post("answer", answer).json
            assert set(said) == ({"right"} if question["part"] == "practice" else set())
            question = visitor.ask("next").json
            told += json.dumps(question)
        assert len(seen) == 1
        told = re.sub(r"picture/[\w-]{16}", "", told)  # in random letters anything may stand
        assert not re.search(r"mine|other|real|check|p\d\d", told)


@pytest.mark.parametrize(("checks", "told"), [(2, True), (0, False)])
def test_checks_are_announced_where_there_are_any(folders, tmp_path, checks, told):
    study = studies.make(folders, tmp_path / "study", checks=checks)
    with running(study, tmp_path / "answers.db") as (address, _):
        assert (b"easy on purpose" in pages.Visitor(address).ask("").body) is told


def test_participants_get_other_names_for_the_same_pictures(prepared, tmp_path):
    with running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        for _ in range(2):
            pages.Visitor(address).post("begin", {})
        rows = answers.all()
        assert len({row.code for row in rows}) == 2
        tokens = [token for row in rows for token in (row.trial.token_a, row.trial.token_b)]
        assert len(set(tokens)) == len(tokens)


def test_a_browser_goes_on_where_it_was_and_begins_anew_only_when_done(prepared, tmp_path):
    with running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        visitor.post("begin", {})
        visitor.post("answer", {"number": 0, "answer": "a", "milliseconds": 5})
        assert visitor.post("begin", {"again": True}).json["number"] == 1
        code = go_through(visitor, lambda question: "a", begin=False)["code"]
        assert visitor.post("begin", {}).json == {"done": True, "code": code}
        assert visitor.post("begin", {"again": True}).json["number"] == 0
        assert len({row.code for row in answers.all()}) == 2


def test_the_first_answer_to_a_question_stays(prepared, tmp_path):
    with running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        visitor.post("begin", {})
        for answer in ("a", "b"):
            assert visitor.post("answer", {"number": 0, "answer": answer, "milliseconds": 5}).status == 200
        assert [row.answer for row in answers.all() if row.answer] == ["a"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"number": 0, "answer": "c", "milliseconds": 5}, 400),
        ({"number": "0", "answer": "a", "milliseconds": 5}, 400),
        ({"number": 0, "answer": "a", "milliseconds": -1}, 400),
        ({"number": 0, "answer": "a", "milliseconds": 1e99}, 400),
        ({"number": 99, "answer": "a", "milliseconds": 5}, 404),
        ([], 400),
    ],
)
def test_answers_that_are_none_are_refused_and_not_stored(prepared, tmp_path, content, status):
    with running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        visitor.post("begin", {})
        assert visitor.post("answer", content).status == status
        assert not [row for row in answers.all() if row.answer]


def test_who_has_not_begun_is_told_so(prepared, tmp_path):
    with running(prepared["2afc"], tmp_path / "answers.db") as (address, _):
        assert pages.Visitor(address).ask("next").status == 401
        assert pages.Visitor(address).post("answer", {"number": 0, "answer": "a", "milliseconds": 5}).status == 404
        assert pages.Visitor(address).ask("picture/unknown").status == 404


def test_an_answer_that_cannot_be_stored_is_not_acknowledged(prepared, tmp_path, capfd):
    with running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        visitor.post("begin", {})
        answers.close()  # as if the disk were gone
        refused = visitor.post("answer", {"number": 0, "answer": "a", "milliseconds": 5})
    assert refused.status == 500
    assert "could not be stored" in refused.json["error"]
    assert "tintmill study: error: " in capfd.readouterr().err


def test_several_people_at_once_each_have_all_their_answers(prepared, tmp_path):
    with running(prepared["single"], tmp_path / "answers.db") as (address, answers):

        def take_part(person: int) -> str:
            return go_through(pages.Visitor(address), lambda question: ("real", "coloured")[person % 2])["code"]

        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(take_part, range(8)))
        given = collections.defaultdict(set)
        for row in answers.all():
            given[row.code].add(row.answer)
        assert given == {code: {("real", "coloured")[i % 2]} for i, code in enumerate(codes)}


def test_the_database_holds_codes_and_answers_and_nothing_about_a_person(prepared, tmp_path):
    with running(prepared["2afc"], tmp_path / "answers.db") as (address, _):
        go_through(pages.Visitor(address), lambda question: "a")
    database = sqlite3.connect(tmp_path / "answers.db")
    columns = {
        row[1]
        for table in ("participants", "trials", "answers")
        for row in database.execute(f"PRAGMA table_info({table})")
    }
    assert columns == {"code", "number", "part", "picture", "a", "b", "token_a", "token_b", "answer", "milliseconds"}


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "answers.db").write_text("not a database, and long enough to be told from an empty one" * 20)
    with pytest.raises(TintmillError, match=r"answers\.db: file is not a database"):
        Answers(str(tmp_path / "answers.db"))


# --- the command


def start_server(*flags) -> tuple:
    """A server in a process of its own, and its address."""
    process = helpers.start(helpers.command_line("study", "--port=0", *flags))
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            assert "this machine only" in line
            return process, found.group()
    raise AssertionError(process.communicate()[1])


def test_a_killed_server_loses_no_answer_and_goes_on(folders, tmp_path):
    process, address = start_server(*flags_for(folders, tmp_path), *SMALL)
    visitor = pages.Visitor(address)
    visitor.post("begin", {})
    for number in range(5):
        assert visitor.post("answer", {"number": number, "answer": "a", "milliseconds": 700}).status == 200
    helpers.kill_group(process)  # SIGKILL

    process, again = start_server(f"--output={tmp_path}")
    visitor.address = again
    assert visitor.ask("next").json["number"] == 5
    go_through(visitor, lambda question: "a", begin=False)
    helpers.kill_group(process, signal.SIGINT)
    assert process.returncode == 130
    rows = Answers(str(tmp_path / "answers.db")).all()
    assert [row.answer for row in rows] == ["a"] * 10
    assert [row.milliseconds for row in rows][:5] == [700] * 5


def test_other_settings_are_refused_for_a_study_that_was_begun(folders, prepared):
    folder = prepared["2afc"].folder
    refused = helpers.tintmill("study", f"--output={folder}", "--seconds=2", "--coloured=mine=elsewhere", "--mode=2afc")
    helpers.assert_one_line_error(refused, folder, "--seconds=2.0 is 1.0 there", "--coloured=", "give another folder")
    assert "--mode" not in refused.stderr


def test_the_study_is_the_same_under_the_same_flags(folders, prepared):
    study = prepared["2afc"]
    settings.check_same(study, {"real": str(folders / "real"), "questions": 6})
    assert settings.load(study.folder) == study


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--coloured=mine={folders}/mine"], ["--real=DIR"]),
        (["--report"], ["no study in it"]),
        (["--real={folders}/real", "--coloured=mine"], ["--coloured=mine: wanted NAME=DIR"]),
        (["--real={folders}/real", "--coloured=real={folders}/mine"], ["--coloured=real="]),
        (["--real={folders}/real", "--coloured=mine={folders}/mine"], ["--questions=40", "want 54 pictures", "12 are"]),
        (["--real={folders}/real", "--coloured=a={folders}/mine", "--coloured=a={folders}/other"], ["two models 'a'"]),
    ],
)
def test_mistakes_are_one_line_with_the_remedy(folders, tmp_path, flags, parts):
    flags = [flag.format(folders=folders) for flag in flags]
    helpers.assert_one_line_error(helpers.tintmill("study", f"--output={tmp_path}", *flags), *parts)


def test_a_damaged_study_file_is_one_line(tmp_path):
    (tmp_path / "study.json").write_text('{"id": "1"}')
    helpers.assert_one_line_error(helpers.tintmill("study", f"--output={tmp_path}"), "study.json is damaged")


# --- the result


def person(code: str, answers: list[tuple[str, str, str]], part: str = "question") -> list[Answered]:
    """Answers (a, b, answer) of a participant, 1 s each, on pictures 0, 1, ..."""
    return [
        Answered(code, trials.Trial(i, part, i, a, b, "", ""), answer or None, 1000 if answer else None)
        for i, (a, b, answer) in enumerate(answers)
    ]


def a_study(tmp_path, mode: str = "2afc") -> Study:
    return Study(str(tmp_path), "id", StudySettings("", {"mine": "", "other": ""}, mode), list("abcdefgh"), [])


def test_in_pairs_the_real_one_called_coloured_is_one_taken_for_real(tmp_path):
    rows = person("1", [("real", "mine", "a"), ("mine", "real", "b"), ("real", "mine", "b"), ("other", "real", "a")])
    summary = result.summarise(a_study(tmp_path), rows)
    mine, other = summary["models"]["mine"], summary["models"]["other"]
    assert (mine["taken_for_real"], mine["answers"], mine["median_seconds"]) == (2, 3, 1.0)
    assert (mine["low"], mine["high"]) == pytest.approx(result.wilson(2, 3))
    assert (other["taken_for_real"], other["answers"]) == (0, 1)
    assert [(row["picture"], row["model"], row["share"]) for row in summary["each_picture"]] == [
        ("a", "mine", 1.0), ("b", "mine", 1.0), ("c", "mine", 0.0), ("d", "other", 0.0)
    ]  # fmt: skip


def test_of_single_pictures_real_ones_have_a_row_of_their_own(tmp_path):
    rows = person("1", [("real", "", "real"), ("real", "", "coloured"), ("mine", "", "real"), ("mine", "", "coloured")])
    summary = result.summarise(a_study(tmp_path, "single"), rows)
    assert summary["models"]["mine"]["share"] == 0.5
    assert summary["real_taken_for_real"]["share"] == 0.5
    assert summary["models"]["other"]["share"] is None
    assert {row["model"] for row in summary["each_picture"]} == {"mine"}


def test_who_misses_checks_is_left_out_and_counted(tmp_path):
    asleep = person("1", [("check", "real", "b"), ("real", "check", "b"), ("real", "mine", "a")])
    awake = person("2", [("check", "real", "a"), ("real", "check", "b"), ("real", "mine", "b")])
    away = person("3", [("check", "real", "a"), ("real", "check", "b"), ("real", "mine", "")])
    never_began = person("4", [("check", "real", ""), ("real", "check", ""), ("real", "mine", "")])
    summary = result.summarise(a_study(tmp_path), asleep + awake + away + never_began)
    assert (summary["participants"], summary["left_out_by_checks"], summary["unfinished"]) == (1, 1, 1)
    assert (summary["models"]["mine"]["taken_for_real"], summary["models"]["mine"]["answers"]) == (0, 1)
    assert summary["checks_passed"] == 0.75


def test_practice_is_not_counted(tmp_path):
    rows = person("1", [("real", "mine", "a")], part="practice")
    assert result.summarise(a_study(tmp_path), rows)["models"]["mine"]["answers"] == 0


@pytest.mark.parametrize("mode", settings.MODES)
def test_the_report_sets_the_shares_beside_the_published_ones(prepared, tmp_path, mode):
    study = prepared[mode]
    for _ in range(2):
        with running(study, Path(study.answers_path)) as (address, answers):
            visitor = pages.Visitor(address)
            question = visitor.post("begin", {}).json
            right = {
                token: row.trial.right for row in answers.all() for token in (row.trial.token_a, row.trial.token_b)
            }
            assert question["number"] == 0
            go_through(visitor, lambda asked, right=right: right[asked["pictures"][0].split("/")[1]])
    done = helpers.tintmill("study", f"--output={study.folder}", "--report")
    assert done.returncode == 0, done.stderr
    for part in ("45.87 %", "32.3 %", "2 participants counted", "0 left out", "mine", "other", "0.0 % to "):
        assert part in done.stdout
    summary = json.loads((Path(study.folder) / "result.json").read_text())
    assert summary["models"]["mine"]["share"] == 0
    page = (Path(study.folder) / "study.html").read_text()
    assert "45.87 %" in page
    assert "data:image/jpeg" in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_a_study_without_answers_has_a_report(folders, tmp_path):
    study = studies.make(folders, tmp_path)
    text = result.format_table(result.summarise(study, []))
    assert "0 participants counted" in text
    assert result.render(study, result.summarise(study, []))
