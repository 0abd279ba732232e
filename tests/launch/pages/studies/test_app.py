"""The pages of a study: nothing sent tells real from coloured, and every answer is stored before it is acknowledged."""

import collections
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import pages, studies
from tintmill.launch.pages.studies import settings, trials


@pytest.mark.parametrize("mode", settings.MODES)
def test_nothing_sent_tells_which_picture_is_real(prepared, tmp_path, mode):
    with studies.running(prepared[mode], tmp_path / "answers.db") as (address, _):
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
    with studies.running(study, tmp_path / "answers.db") as (address, _):
        assert (b"easy on purpose" in pages.Visitor(address).ask("").body) is told


def test_participants_get_other_names_for_the_same_pictures(prepared, tmp_path):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        for _ in range(2):
            pages.Visitor(address).post("begin", {})
        rows = answers.all()
        assert len({row.code for row in rows}) == 2
        tokens = [token for row in rows for token in (row.trial.token_a, row.trial.token_b)]
        assert len(set(tokens)) == len(tokens)


def test_a_browser_goes_on_where_it_was_and_begins_anew_only_when_done(prepared, tmp_path):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        visitor.post("begin", {})
        visitor.post("answer", {"number": 0, "answer": "a", "milliseconds": 5})
        assert visitor.post("begin", {"again": True}).json["number"] == 1
        code = studies.go_through(visitor, lambda question: "a", begin=False)["code"]
        assert visitor.post("begin", {}).json == {"done": True, "code": code}
        assert visitor.post("begin", {"again": True}).json["number"] == 0
        assert len({row.code for row in answers.all()}) == 2


def test_the_first_answer_to_a_question_stays(prepared, tmp_path):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
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
        ({"number": 10**30, "answer": "a", "milliseconds": 5}, 400),
        ({"number": -1, "answer": "a", "milliseconds": 5}, 400),
        ({"number": True, "answer": "a", "milliseconds": 5}, 400),
        ({"number": 0, "answer": ["a"], "milliseconds": 5}, 400),
        ({"number": 0, "answer": "a", "milliseconds": 10**30}, 400),
        ({"number": 99, "answer": "a", "milliseconds": 5}, 400),
        ({"number": 9, "answer": "a", "milliseconds": 5}, 404),
        ([], 400),
        (None, 400),
    ],
)
def test_answers_that_are_none_are_refused_and_not_stored(prepared, tmp_path, content, status):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        visitor.post("begin", {})
        assert visitor.post("answer", content).status == status
        assert not [row for row in answers.all() if row.answer]


@pytest.mark.parametrize("path", ["begin", "answer"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 9000, b'{"a":' * 1500, b"\xff\xfe", b'{"number":' + b"9" * 5000 + b"}", b'"text"']
)
def test_what_is_no_json_object_is_refused(prepared, tmp_path, path, body):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        assert visitor.ask(path, body).status == 400
        assert answers.all() == []


def test_a_large_body_is_refused_and_not_held(prepared, tmp_path):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, _):
        assert pages.Visitor(address).ask("answer", b" " * 50_000).status == 413


def test_a_question_that_was_not_shown_cannot_be_answered(prepared, tmp_path):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        number = visitor.post("begin", {}).json["number"]
        for unshown in range(number + 1, 10):
            refused = visitor.post("answer", {"number": unshown, "answer": "a", "milliseconds": 5})
            assert refused.status == 404
            assert "not shown" in refused.json["error"]
        assert visitor.post("answer", {"number": number, "answer": "a", "milliseconds": 5}).status == 200
        assert visitor.post("answer", {"number": number + 1, "answer": "a", "milliseconds": 5}).status == 404
        assert visitor.ask("next").json["number"] == number + 1
        assert visitor.post("answer", {"number": number + 1, "answer": "a", "milliseconds": 5}).status == 200
        assert [row.trial.number for row in answers.all() if row.answer] == [number, number + 1]


def test_nobody_answers_what_was_shown_to_another(prepared, tmp_path):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        pages.Visitor(address).post("begin", {})
        assert pages.Visitor(address).post("answer", {"number": 0, "answer": "a", "milliseconds": 5}).status == 404
        assert not [row for row in answers.all() if row.answer]


def test_who_has_not_begun_is_told_so(prepared, tmp_path):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, _):
        assert pages.Visitor(address).ask("next").status == 401
        assert pages.Visitor(address).post("answer", {"number": 0, "answer": "a", "milliseconds": 5}).status == 404
        assert pages.Visitor(address).ask("picture/unknown").status == 404


def test_an_answer_that_cannot_be_stored_is_not_acknowledged(prepared, tmp_path, capfd):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, answers):
        visitor = pages.Visitor(address)
        visitor.post("begin", {})
        answers.close()  # as if the disk were gone
        refused = visitor.post("answer", {"number": 0, "answer": "a", "milliseconds": 5})
    assert refused.status == 500
    assert "could not be stored" in refused.json["error"]
    assert "tintmill study: error: " in capfd.readouterr().err


def test_several_people_at_once_each_have_all_their_answers(prepared, tmp_path):
    with studies.running(prepared["single"], tmp_path / "answers.db") as (address, answers):

        def take_part(person: int) -> str:
            return studies.go_through(pages.Visitor(address), lambda question: ("real", "coloured")[person % 2])["code"]

        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(take_part, range(8)))
        given = collections.defaultdict(set)
        for row in answers.all():
            given[row.code].add(row.answer)
        assert given == {code: {("real", "coloured")[i % 2]} for i, code in enumerate(codes)}
