"""The result of a study as text for a terminal, as a page that opens offline, and as JSON."""

import base64
import io
import json
import os

from PIL import Image

from tintmill.launch.pages.studies.result import Share, Summary
from tintmill.launch.pages.studies.settings import REAL, Study
from tintmill.pipeline.common import files

_THUMBNAIL = 200  # pixels of the longer side, in study.html


def format_table(summary: Summary) -> str:
    """The result as text for a terminal."""
    rows = list(summary.models.items())
    if summary.settings["mode"] == "single":
        rows.append(("real pictures, for comparison", summary.real_taken_for_real))
    published = [(f"published: {row.name}", row.share) for row in summary.published]
    width = max(len(name) for name, _ in [*rows, *published]) + 2
    lines = [f"{'':<{width}}{'answers':>8}{'taken for real':>16}{'95 % interval':>20}{'median time':>13}"]
    lines += [f"{name:<{width}}{_format_row(row)}" for name, row in rows]
    lines += [f"{name:<{width}}{'':>8}{_percent_published(share):>16}" for name, share in published]
    return "\n".join([*lines, "", *list_notes(summary)])


def list_notes(summary: Summary) -> list[str]:
    """What a reader must know to judge the numbers."""
    left = f"{summary.left_out_by_checks} left out by attention checks"
    found = [f"{summary.participants} participants counted, {left}, {summary.unfinished} did not finish (not counted)."]
    if summary.checks_passed is not None:
        found.append(
            f"Checks passed, of all who came to the end: {_percent(summary.checks_passed)} (Zhang et al.: 87 %)."
        )
    if summary.settings["mode"] == "2afc":
        found.append("Pairs: 50 % means that real and coloured cannot be told apart. Only Zhang's number was asked so.")
    else:
        found.append(
            "Single pictures: read the models beside the real pictures' own share. Zhang's number is of pairs."
        )
    found.append(
        "The intervals take answers as independent; those of one person are not quite, so they are too narrow."
    )
    if summary.pictures_left_out:
        found.append(f"Left out of the pictures: {len(summary.pictures_left_out)}; result.json says why.")
    return found


def write(study: Study, summary: Summary) -> list[str]:
    """Writes study.html and result.json into the folder of the study. Returns their paths."""
    page = os.path.join(study.folder, "study.html")
    data = os.path.join(study.folder, "result.json")
    files.write(data, json.dumps(summary.to_json(), indent=1) + "\n")
    files.write(page, render(study, summary))
    return [page, data]


def render(study: Study, summary: Summary) -> str:
    """The result as a page that opens offline."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(__file__)), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"percent": _percent, "percent_published": _percent_published}
    pictures = [
        {
            "about": row,
            "real": _thumbnail(study, row.number, REAL),
            "coloured": _thumbnail(study, row.number, row.model),
        }
        for row in summary.each_picture
    ]
    template = environment.get_template("result.html.jinja")
    return template.render(summary=summary, notes=list_notes(summary), pictures=pictures)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _percent_published(share: float) -> str:
    """The share with as many digits as were published."""
    return f"{100 * share:g} %"


def _format_row(row: Share) -> str:
    interval = f"{_percent(row.low)} to {_percent(row.high)}" if row.answers else "-"
    time = f"{row.median_seconds:.2f} s" if row.answers else "-"
    return f"{row.answers:>8}{_percent(row.share):>16}{interval:>20}{time:>13}"


def _thumbnail(study: Study, number: int, version: str) -> str:
    with Image.open(study.picture_path(number, version)) as image:
        small = image.convert("RGB")
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
