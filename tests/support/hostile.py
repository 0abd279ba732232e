"""Files that lie, made by Hypothesis from whole ones, and the commands' functions tried on them.

    python -m tests.support.hostile FOLDER EXAMPLES TARGET...

prints a tally of each target in JSON. It is a process of its own, because the `tfrecord` package and TensorFlow cannot
live in one.
"""

import contextlib
import dataclasses
import io
import json
import os
import sys
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support import run_folder, small_dataset
from tintmill.launch.pages.studies import settings as studies
from tintmill.model.export import reader
from tintmill.model.output import folder as output_folder
from tintmill.model.output.task import Order
from tintmill.model.prediction import hints_file
from tintmill.pipeline import peek, verify
from tintmill.pipeline.common import checked_json
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.pipeline.dataset.names import INDEX
from tintmill.pipeline.dataset.settings import SourceOptions
from tintmill.pipeline.reading.records import open_dataset as open_records
from tintmill.pipeline.shards import resume
from tintmill.pipeline.shards.plan import Plan
from tintmill.pipeline.sources import reuse_lab
from tintmill.trainer import runs
from tintmill.trainer.evaluation import compare
from tintmill.trainer.input import stage
from tintmill.trainer.run.folder import RunFolder

# Tokens that Python's own `json.dumps` cannot write.
_RAW = {"<huge>": "1e999", "<long>": "9" * 5000, "<deep>": "[" * 5000 + "]" * 5000, "<nan>": "NaN"}
WRONG = [
    *(None, True, False, 0, 1, -1, 2, 10**12, 10**30, 0.5, -0.5, 1e300, "", "x", "0", "None", "train", "imagenet"),
    *("../../../outside", "/tmp/outside", "a\0b", "\ud800", "x" * 10_000, "\u202egpj.exe", "a\nb", "%s{0}"),
    *([], [[]], [0], [None], ["x"], [0] * 313, [1e300] * 2, {}, {"": 0}, {"train": 1}, {"train": -1}, {"x": [0] * 313}),
    *_RAW,
]


@dataclasses.dataclass(frozen=True)
class Damage:
    """One change of a text. `kind` names it: equal kinds are the same try."""

    kind: str
    text: bytes


def _places(value, place: tuple = ()) -> list[tuple]:
    """The places of all values inside a JSON value; of long lists the first three and the last."""
    found = [place]
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        numbered = list(enumerate(value))
        inner = numbered if len(value) < 5 else [*numbered[:3], numbered[-1]]
    else:
        inner = []
    return found + [deeper for key, one in inner for deeper in _places(one, (*place, key))]


def _dump(value) -> bytes:
    text = json.dumps(value)
    for mark, raw in _RAW.items():
        text = text.replace(json.dumps(mark), raw)
    return text.encode()


def _replaced(value, place: tuple, new, delete: bool = False):
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    key, *rest = place
    if not rest and delete:
        del copy[key]
    else:
        copy[key] = _replaced(value[key], tuple(rest), new, delete)
    return copy


@st.composite
def damaged_json(draw, text: bytes) -> Damage:
    """A JSON text with one value replaced, left out or added, or with its bytes cut or changed."""
    what = draw(st.sampled_from(["replace"] * 6 + ["delete", "add", "twice", "cut", "flip", "insert"]))
    if what in ("cut", "flip", "insert"):
        return draw(damaged_bytes(text, what))
    value = json.loads(text)
    place = draw(st.sampled_from(_places(value)))
    if what == "twice":
        return Damage("twice", b'{"format_version": 1, ' + text.lstrip()[1:])
    if what == "delete" and place:
        return Damage(f"delete {place}", _dump(_replaced(value, place, None, delete=True)))
    new = draw(st.sampled_from(range(len(WRONG))))
    if what == "add" and isinstance(value, dict):
        return Damage(f"add {new}", _dump(value | {"of_a_stranger": WRONG[new]}))
    return Damage(f"replace {place} {new}", _dump(_replaced(value, place, WRONG[new])))


@st.composite
def damaged_bytes(draw, text: bytes, what: str = "") -> Damage:
    what = what or draw(st.sampled_from(["cut", "flip", "insert"]))
    at = draw(st.integers(0, len(text) - 1))
    if what == "cut":
        return Damage(f"cut {at}", text[:at])
    if what == "flip":
        return Damage(f"flip {at}", text[:at] + bytes([text[at] ^ 1 << draw(st.integers(0, 7))]) + text[at + 1 :])
    junk = draw(st.sampled_from([b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"1e999", b'"', b",", b"\n", b"\r", b"9" * 400]))
    return Damage(f"insert {at} {junk!r}", text[:at] + junk + text[at:])


@st.composite
def damaged_lines(draw, text: bytes) -> Damage:
    """Lines of JSON of which one is damaged."""
    lines = text.splitlines(keepends=True)
    number = draw(st.sampled_from(range(len(lines))))
    damage = draw(damaged_json(lines[number]))
    return Damage(
        f"line {number}: {damage.kind}", b"".join([*lines[:number], damage.text + b"\n", *lines[number + 1 :]])
    )


@st.composite
def damaged_table(draw, text: bytes) -> Damage:
    """A CSV text with one cell replaced, or with its bytes changed."""
    if draw(st.booleans()):
        return draw(damaged_bytes(text))
    rows = [line.split(b",") for line in text.splitlines()]
    row = draw(st.sampled_from(range(len(rows))))
    column = draw(st.sampled_from(range(len(rows[row]))))
    wrong = [
        b"",
        b"1e999",
        b"-1",
        b"nan",
        b"inf",
        b"0.5",
        b"x",
        b'"',
        b"1,1",
        b"9" * 400,
        b"\xff",
        b"\0",
        b"1e15",
        b"1_0",
    ]
    new = draw(st.sampled_from(wrong))
    rows[row][column] = new
    return Damage(f"cell {row} {column} {new!r}", b"\n".join(map(b",".join, rows)) + b"\n")


@dataclasses.dataclass(frozen=True)
class Target:
    """What is damaged, how, and what is tried on it.

    Attributes:
      make: writes a whole folder.
      file: the file in it that is damaged.
      damage: a strategy of damages from the file's text.
      doors: functions of the folder; each may raise TintmillError alone.
    """

    make: Callable[[Path], Path]
    file: str
    damage: Callable[[bytes], st.SearchStrategy]
    doors: tuple[Callable[[Path], object], ...]


def _peek(folder: Path) -> None:
    for line in peek.peek(peek.PeekArguments(str(folder))):
        line.encode()  # as a terminal would


def _verify(folder: Path) -> None:
    "\n".join(verify.verify(str(folder))).encode()


def _stage(folder: Path) -> None:
    stage.bring_here(open_dataset(str(folder)), {"train"}, stage.CacheArguments(str(folder.parent / "cache")))


def _make_indexed(folder: Path) -> Path:
    return small_dataset.write_index(small_dataset.write(folder))


def _read(folder: Path) -> None:
    """By number, and by id where an index is there: without one the cache would be written."""
    records = open_records(str(folder))
    for number in range(min(len(records), 20)):
        with contextlib.suppress(TintmillError):
            records[number]
    if (folder / INDEX).exists():
        with contextlib.suppress(KeyError):
            records.split("train").number_of("train/0-1.jpg")


def _reuse(folder: Path) -> None:
    about = reuse_lab.read_manifest(str(folder)).settings
    reuse_lab.describe(str(folder), about)
    list(reuse_lab.references(str(folder), about))


def _resume(folder: Path) -> None:
    made = dataclasses.replace(small_dataset._SETTINGS, options=SourceOptions())
    plan = Plan(made, "/photos", str(folder), (), (("train", 1),), (), "b" * 64, None, ())
    with contextlib.suppress(OSError):  # /photos is not there
        resume.check_resumable(plan)
    resume.read_committed(plan, "train", 0)


def _make_run(folder: Path) -> Path:
    run_folder.make(folder / "one")
    run_folder.make(folder / "two")
    run_folder.evaluate(folder / "one", pictures=[{"id": "a", "psnr": 20.5, "colourfulness_truth": 9.5}])
    return folder


def _list_runs(folder: Path) -> None:
    from tintmill.trainer.reporting import run_table

    for order in ("name", "-steps"):
        found = runs.runs(runs.RunsArguments((str(folder),), order))
        if found.rows:
            run_table.format_table(found.rows, 120).encode()
        "\n".join([*found.notes, *found.left_out]).encode()


def _read_run(folder: Path) -> None:
    run = RunFolder(str(folder / "one"))
    run.read_starts(), run.read_log(), run.read_validations(), run.read_manifest(), run.read_network()
    run.read_evaluations()


def _compare(folder: Path) -> None:
    path = str(folder / "one" / "evaluation" / "val")
    found = compare.find_evaluation(path, "val").metrics
    compare.compare(found, found)


def _make_export(folder: Path) -> Path:
    folder.mkdir()
    (folder / "tintmill.json").write_text(
        json.dumps(
            {
                "version": 1,
                "network": "iizuka",
                "bins": False,
                "framing": {"size": 48, "network_size": [48, 48]},
                "embedder": {"side": 224},
                "parts": {"model": "0" * 64},
                "versions": {"keras": "3.15"},
            }
        )
    )
    return folder


def _describe_export(folder: Path) -> None:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / "tintmill.json", "tintmill.json")
    reader.load(str(path))


def _make_output(folder: Path) -> Path:
    folder.mkdir()
    order = Order("/in/a.jpg", "a.jpg", 5, 1.5, "iizuka", "0" * 64, {"quality": 95})
    done = {"output": "a.jpg", "code": "coloured", "written": [{"name": "a.jpg", "size": 5}]}
    line = json.dumps(dataclasses.asdict(order) | done) + "\n"
    (folder / "colorize.jsonl").write_text(line * 2)
    return folder


def _open_output(folder: Path) -> None:
    """Goes on in the folder: what the log names and is outdated is removed, and nothing else may be."""
    outside = folder.parent / "outside"
    outside.write_bytes(b"12345")
    order = Order("/in/a.jpg", "a.jpg", 6, 2.5, "iizuka", "0" * 64, {})
    with output_folder.open_output(str(folder), [], overwrite=False) as output:
        output.has(order)
        output.log_done(order, [output.write(order, "a.jpg", b"123456")], {})
    assert outside.read_bytes() == b"12345"


def _make_study(folder: Path) -> Path:
    folder.mkdir()
    asked = studies.StudySettings(real="/real", coloured={"mine": "/coloured"})
    studies.save(studies.Study(str(folder), "abc123", asked, ["a", "b"], [studies.LeftOut("c", "no colour")]))
    return folder


def _open_study(folder: Path) -> None:
    study = studies.load(str(folder))
    if study:
        studies.check_same(study, {"questions": 40})


def _make_hints(folder: Path) -> Path:
    folder.mkdir()
    hint = {"x": 3, "y": 2, "color": "#3a5f2b", "radius": 4}
    (folder / "hints.json").write_text(json.dumps({"a.jpg": [hint, hint | {"x": 5}], "b/c.png": [hint]}))
    return folder


def _read_hints(folder: Path) -> None:
    for name, hints in hints_file.read_hints(str(folder / "hints.json")).pictures.items():
        hints_file.check_inside(hints, checked_json.show(name), (6, 3))
        hints_file.parse_hints(hints_file.to_json(hints), "again", (6, 3))


def _make_flags(folder: Path) -> Path:
    small_dataset.write(folder / "data")
    (folder / "some.flags").write_text("# how many\n--records=1\n")
    return folder


def _read_flags(folder: Path) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = peek.run_command([f"--flagfile={folder / 'some.flags'}", str(folder / "data")])
    assert code in (0, 1, 2), code


_REFUSE_WHOLE = (_resume, _describe_export)  # the pictures are not there, nor is the network
_DATASET = (_verify, _peek, _stage, _reuse, _read)
TARGETS = {
    "manifest": Target(small_dataset.write, "manifest.json", damaged_json, _DATASET),
    "plan": Target(small_dataset.write, "plan.json", damaged_json, (_verify, _stage, _resume)),
    "report": Target(small_dataset.write, "reports/train-00000.json", damaged_json, (_verify, _stage, _reuse, _resume)),
    "dataset_info": Target(small_dataset.write, "dataset_info.json", damaged_json, (_verify,)),
    "shard": Target(small_dataset.write, "small-val.tfrecord-00000-of-00001", damaged_bytes, _DATASET),
    "index": Target(_make_indexed, "index/train.bin", damaged_bytes, (_verify, _stage, _read)),
    "settings": Target(_make_run, "one/settings.json", damaged_json, (_list_runs, _read_run)),
    "run_manifest": Target(_make_run, "one/dataset.json", damaged_json, (_list_runs, _read_run)),
    "metrics_csv": Target(_make_run, "one/metrics.csv", damaged_table, (_list_runs, _read_run)),
    "validation_csv": Target(_make_run, "one/validation.csv", damaged_table, (_list_runs, _read_run)),
    "starts": Target(_make_run, "one/starts.jsonl", damaged_lines, (_read_run,)),
    "metrics_json": Target(
        _make_run, "one/evaluation/val/metrics.json", damaged_json, (_list_runs, _read_run, _compare)
    ),
    "tintmill_json": Target(_make_export, "tintmill.json", damaged_json, (_describe_export,)),
    "colorize_log": Target(_make_output, "colorize.jsonl", damaged_lines, (_open_output,)),
    "study": Target(_make_study, "study.json", damaged_json, (_open_study,)),
    "hints": Target(_make_hints, "hints.json", damaged_json, (_read_hints,)),
    "flag_file": Target(_make_flags, "some.flags", damaged_bytes, (_read_flags,)),
}


def attack(name: str, folder: Path, examples: int) -> dict:
    """Tries damages of a target; returns how many kinds, how many refusals, and the last line of each traceback."""
    target = TARGETS[name]
    folder.mkdir()
    made = target.make(folder / "whole")
    path = made / target.file
    whole = path.read_bytes()
    for door in target.doors:
        with contextlib.suppress(TintmillError) if door in _REFUSE_WHOLE else contextlib.nullcontext():
            door(made)
    kinds, refused, crashes = set(), 0, {}

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.damage(whole))
    def try_one(damage: Damage) -> None:
        nonlocal refused
        kinds.add(damage.kind)
        for door in target.doors:
            path.write_bytes(damage.text)
            try:
                door(made)
            except TintmillError as error:
                refused += 1
                if not str(error).isprintable():
                    crashes.setdefault(f"{door.__name__}: no line", f"{damage.kind}: {error}"[:300])
            except Exception as error:  # whatever it is, it would have been a traceback
                last = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{type(error).__name__} at {os.path.basename(last.filename)}:{last.lineno}"
                crashes.setdefault(f"{door.__name__}: {where}", f"{damage.kind}: {error}"[:300])

    try_one()
    left = sorted(entry.name for entry in folder.iterdir())
    return {"kinds": len(kinds), "refused": refused, "crashes": crashes, "left": left}


if __name__ == "__main__":
    place, number, *names = sys.argv[1:]
    print(json.dumps({name: attack(name, Path(place, name), int(number)) for name in names}))
