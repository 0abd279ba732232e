"""The report: a run, or several side by side, as one self-contained HTML page.

The page opens offline: curves, scores with intervals, pictures with sliders, maps of colours, settings and data are
inside it, and its policy lets nothing else in.
"""

import base64
import dataclasses
import hashlib
import os

from tintmill.model.losses.settings import LossSettings
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import Manifest
from tintmill.trainer.evaluation import results
from tintmill.trainer.evaluation.results import Evaluation
from tintmill.trainer.reporting import ab_map, curves, data_card, examples, score_table
from tintmill.trainer.reporting.drawing import Drawing
from tintmill.trainer.reporting.notes import make_notes
from tintmill.trainer.run import starts
from tintmill.trainer.run.folder import REPORT, RunFolder
from tintmill.trainer.run.settings import list_differing

_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")


@dataclasses.dataclass(frozen=True)
class Run:
    """All that a page says of a run; `evaluations` by split, `data` as `data_card.describe` tells it.

    `notes`: what a reader must know before believing a number.
    """

    name: str
    folder: RunFolder
    settings: dict
    manifest: Manifest
    evaluations: dict[str, Evaluation]
    starts: list[starts.Start]
    data: list[tuple[str, str]]
    notes: list[str]

    @property
    def speed(self) -> dict[str, float] | None:
        return curves.measure_speed(self.folder, self.settings["global_batch"])


@dataclasses.dataclass(frozen=True)
class Split:
    """What is shown of an evaluated split; `evaluations` by the name of the run."""

    name: str
    evaluations: dict[str, Evaluation]

    @property
    def table(self) -> score_table.Table:
        return score_table.make_table(self.evaluations)

    @property
    def cards(self) -> list[tuple[list[str], dict]]:
        """(names, protocol): runs scored by the same protocol share one."""
        return _group_equal({name: each.card for name, each in self.evaluations.items()})

    @property
    def comparable(self) -> bool:
        return score_table.on_the_same_pictures(self.evaluations)

    @property
    def groups(self) -> list[examples.Group]:
        return examples.group(self.evaluations)

    @property
    def colours(self) -> list[tuple[list[Drawing], Drawing]]:
        """(maps of truth and runs, their chroma): for each truth those that were scored against it."""
        truths = _group_equal({name: each.truth.counts.tolist() for name, each in self.evaluations.items()})
        found = []
        for names, _ in truths:
            shown = [self.evaluations[names[0]].truth, *(self.evaluations[name].run for name in names)]
            found.append((ab_map.draw_maps(shown), ab_map.draw_chroma(shown)))
        return found


def render(folders: list[str]) -> str:
    """The page's HTML, a function of the run directories alone.

    Raises:
      TintmillError: one of them is no run directory, is damaged or comes twice.
    """
    import jinja2
    import markupsafe

    shown = [read_run(RunFolder(folder), name) for folder, name in zip(folders, name_runs(folders), strict=True)]
    differing = list_differing([run.settings for run in shown])
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    style, script = (files.read(os.path.join(_TEMPLATES, f"report.{kind}")).decode() for kind in ("css", "js"))
    return environment.get_template(f"{REPORT}.jinja").render(
        runs=shown,
        title=" | ".join(run.name for run in shown),
        notes=_group_equal({run.name: run.notes for run in shown}),
        splits=make_splits(shown),
        curves=curves.draw({run.name: run.folder for run in shown}),
        other_losses=any(field.name in differing for field in dataclasses.fields(LossSettings)),
        differing=differing,
        hardware=_group_equal({run.name: run.starts for run in shown}),
        data=_group_equal({run.name: run.data for run in shown}),
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}",
        # Ours, and not to be escaped; nobody's names are in them.
        style=markupsafe.Markup(style),
        script=markupsafe.Markup(script),
    )


def _hash(text: str) -> str:
    """What the page's policy allows: its own style and script, nothing else.

    So a name that got past the escaping could neither run nor fetch anything.
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def name_runs(folders: list[str]) -> list[str]:
    """What the runs are called: by their folders' names, where two are the same by their paths as given.

    Raises:
      TintmillError: a run comes twice.
    """
    paths = [os.path.realpath(folder) for folder in folders]
    for number, path in enumerate(paths):
        if path in paths[:number]:
            raise TintmillError(f"{folders[number]} is given twice; wanted different runs")
    names = [os.path.basename(os.path.abspath(folder)) for folder in folders]
    return names if len(set(names)) == len(names) else list(folders)


def read_run(folder: RunFolder, name: str) -> Run:
    """Everything of a run.

    Raises:
      TintmillError: `folder` is no run directory, or one of its files is damaged.
    """
    if not os.path.exists(folder.settings_file):
        raise TintmillError(f"{folder}: no {saved_model.SETTINGS} in it; wanted a run directory of `tintmill train`")
    settings, manifest = folder.read_settings(), folder.read_manifest()
    evaluated = results.load(folder, name)
    try:
        data = data_card.describe(manifest)
        notes = make_notes(settings, manifest, [each.metrics for each in evaluated.values()])
        int(settings["global_batch"]), int(settings["steps"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TintmillError(
            f"{folder}: {saved_model.SETTINGS} or {saved_model.DATASET} is damaged or of an older version ({error!r}); "
            "train again"
        ) from error
    return Run(name, folder, settings, manifest, evaluated, folder.read_starts(), data, notes)


def make_splits(shown: list[Run]) -> list[Split]:
    """Every split that at least one of the runs was evaluated on."""
    names = dict.fromkeys(split for run in shown for split in run.evaluations)
    return [
        Split(name, {run.name: run.evaluations[name] for run in shown if name in run.evaluations}) for name in names
    ]


def _group_equal(by_run: dict) -> list[tuple[list[str], object]]:
    """(names, what they have): runs that have the same come together, in the order of the first of them."""
    found = []
    for name, value in by_run.items():
        names = next((names for names, other in found if other == value), None)
        if names is None:
            found.append(([name], value))
        else:
            names.append(name)
    return found
