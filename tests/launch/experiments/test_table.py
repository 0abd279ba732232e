"""The table of an experiment: a row for each run over its seeds, and what was made smaller."""

import dataclasses

from tintmill.launch.experiments.arguments import ExperimentArguments
from tintmill.launch.experiments.table import COLUMNS, Score, format_cell, format_table

ONE_TEST = ExperimentArguments("networks", "photos")
SEVERAL_TESTS = ExperimentArguments("categories", "photos")


def row(**values) -> dict:
    return {"row": "any", "pictures": 9} | dict.fromkeys(COLUMNS, 1.0) | values


def score(label: str, test: str = "one", **values) -> Score:
    metrics = {"rows": [row(**values), row(row="grey", psnr=20.0)], "steps": 5, "embedder": None, "protocol": "as said"}
    metrics |= {"dataset": {"name": test, "size": 64}, "parameters": 1234, "multiply_adds": 5678e6}
    return Score(label, metrics, step_ms=9.0)


def test_a_cell_is_the_mean_over_the_seeds_with_half_their_range():
    assert format_cell([row(psnr=20.0), row(psnr=21.0), row(psnr=22.0)], "psnr") == "21.00 ± 1.00"
    assert format_cell([row(psnr=None)], "psnr") == "-"


def test_a_table_has_a_row_a_label_and_the_trivial_answers_once():
    scores = [score("a", psnr=30.0), score("a", psnr=31.0), score("b", psnr=10.0)]
    lines = format_table(ONE_TEST, scores).splitlines()
    names = [line.split(" | ")[0] for line in lines if line.startswith("| ")][1:]
    assert names == ["| a", "| b", "| *grey*"]
    assert any(line.startswith("| a | 30.50 ± 0.50 |") and line.endswith("| 1,234 | 5,678 | 9 |") for line in lines)


def test_tests_on_other_datasets_have_their_own_trivial_rows():
    scores = [score("a, tested on one", "one"), score("a, tested on two", "two")]
    table = format_table(SEVERAL_TESTS, scores)
    assert "*grey (one)*" in table
    assert "*grey (two)*" in table


def test_a_table_says_what_was_scaled_down():
    assert "at full size" in format_table(ONE_TEST, [score("a")])
    smaller = dataclasses.replace(ONE_TEST, steps=5, size=64)
    assert "scaled down by --size=64 --steps=5" in format_table(smaller, [score("a")])
