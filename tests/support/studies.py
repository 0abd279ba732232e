"""Shared by the tests of studies: folders of real and coloured pictures, a study of them, and who takes part in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ImageCms

from tests.support import helpers, pages
from tintmill.launch.pages.studies import app, opening
from tintmill.launch.pages.studies.answers import Answers
from tintmill.launch.pages.studies.settings import Study, StudySettings
from tintmill.pipeline.imaging import lab


def write_folders(root: Path) -> Path:
    """real/, mine/ and other/ with the same 12 pictures, in other formats and sizes."""
    for name in ("real", "mine", "other"):
        (root / name / "sub").mkdir(parents=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for i in range(12):
        pixels = helpers.photo_pixels(i)
        camera = {"comment": b"real one", "icc_profile": profile, "dpi": (300, 300)}
        (root / "real" / "sub" / f"p{i:02d}.jpg").write_bytes(helpers.encode(pixels, "JPEG", **camera))
        (root / "mine" / "sub" / f"p{i:02d}.png").write_bytes(helpers.encode(faded(pixels, 0.4)))
        (root / "other" / "sub" / f"p{i:02d}.webp").write_bytes(helpers.encode(faded(pixels, 0)[::2, ::2], "WEBP"))
    return root


def make(folders: Path, output: Path, **options) -> Study:
    """A small prepared study of `write_folders`' pictures."""
    small = {"questions": 6, "practice": 2, "checks": 2, "side": 64} | options
    coloured = {name: str(folders / name) for name in ("mine", "other")}
    return opening.begin(str(output), StudySettings(str(folders / "real"), coloured, **small))


def faded(pixels: np.ndarray, share: float) -> np.ndarray:
    """The picture with its chroma times `share`."""
    return lab.lab_to_rgb8(lab.rgb_to_lab(pixels) * np.array([1, share, share], np.float32))


@contextmanager
def running(study: Study, path: Path) -> Iterator[tuple[str, Answers]]:
    """The address of a study's server, and its answers, which are in `path`."""
    answers = Answers(str(path))
    with pages.serving_app(app.build(study, answers)) as address:
        yield address, answers
    answers.close()


def go_through(visitor: pages.Visitor, choose: Callable[[dict], str], begin: bool = True) -> dict:
    """Answers all questions with `choose(question)`; returns what the server said at last."""
    question = visitor.post("begin", {}).json if begin else visitor.ask("next").json
    while "done" not in question:
        answer = {"number": question["number"], "answer": choose(question), "milliseconds": 100 * question["number"]}
        assert visitor.post("answer", answer).status == 200
        question = visitor.ask("next").json
    return question
