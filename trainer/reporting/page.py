"""A run, or several side by side, as one self-contained HTML page.

    tintmill report RUNS/first
    tintmill report RUNS/first RUNS/second --output=both.html

Of one run it writes RUN/report.html, of several report.html here; --output says otherwise. The page opens offline:
curves, scores with intervals, pictures with sliders, maps of colours, settings and data are inside it. The pictures are
JPEGs of quality 92, at most 448 pixels long, for their size; all scores were taken from the exact pixels.
"""

import base64
import dataclasses
import hashlib
import os
import sys

from absl import flags

from tintmill.model.losses.settings import LossSettings
from tintmill.model.networks import registry as networks
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common import command, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import Manifest
from tintmill.trainer import runs
from tintmill.trainer.evaluation import results
from tintmill.trainer.evaluation.results import Evaluation
from tintmill.trainer.reporting import ab_map, curves, data_card, examples, score_table
from tintmill.trainer.reporting.drawing import Drawing
from tintmill.trainer.run import starts
from tintmill.trainer.run.folder import REPORT, RunFolder

FLAGS = flags.FlagValues()
flags.DEFINE_string("output", None, "File to write.", flag_values=FLAGS)

_TEMPLATES = os.path.join(os.path.dirname(__file__), "reporting", "templates")


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
        return curves.speed(self.folder, self.settings["global_batch"])


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
        return _shared({name: each.card for name, each in self.evaluations.items()})

    @property
    def comparable(self) -> bool:
        return score_table.on_the_same_pictures(self.evaluations)

    @property
    def groups(self) -> list[examples.Group]:
        return examples.group(self.evaluations)

    @property
    def colours(self) -> list[tuple[list[Drawing], Drawing]]:
        """(maps of truth and runs, their chroma): for each truth those that were scored against it."""
        truths = _shared({name: each.truth.counts.tolist() for name, each in self.evaluations.items()})
        found = []
        for names, _ in truths:
            shown = [self.evaluations[names[0]].truth, *(self.evaluations[name].run for name in names)]
            found.append((ab_map.draw_maps(shown), ab_map.draw_chroma(shown)))
        return found


def main(arguments: list[str]) -> None:
    if not arguments:
        raise TintmillError("wanted run directories: tintmill report RUN...")
    path = FLAGS.output or (RunFolder(arguments[0]).report_file if len(arguments) == 1 else REPORT)
    page = render(arguments)
    try:
        files.write(path, page.encode(errors="backslashreplace"))  # names of files need not be text
    except OSError as error:
        raise TintmillError(f"{path} cannot be written: {error}; give another --output") from error
    print(path)


def render(folders: list[str]) -> str:
    """The page's HTML, a function of the run directories alone.

    Raises:
      TintmillError: one of them is no run directory, is damaged or comes twice.
    """
    import jinja2
    import markupsafe

    shown = [read_run(RunFolder(folder), name) for folder, name in zip(folders, name_runs(folders), strict=True)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    style, script = (files.read(os.path.join(_TEMPLATES, f"report.{kind}")).decode() for kind in ("css", "js"))
    return environment.get_template(f"{REPORT}.jinja").render(
        runs=shown,
        title=" | ".join(run.name for run in shown),
        notes=_shared({run.name: run.notes for run in shown}),
        splits=make_splits(shown),
        curves=curves.draw({run.name: run.folder for run in shown}),
        other_losses=_differ_in(shown, [field.name for field in dataclasses.fields(LossSettings)]),
        differing=differing_settings(shown),
        hardware=_shared({run.name: run.starts for run in shown}),
        data=_shared({run.name: run.data for run in shown}),
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


def make_notes(settings: dict, manifest: Manifest, metrics: list[dict]) -> list[str]:
    """What a reader must know before believing a number; `metrics` of every evaluated split."""
    notes = []
    records = manifest.splits[settings["split"]]
    if any(each["same_pictures_as_training"] for each in metrics):
        notes.append(
            f"Scored on the pictures it was trained on ({records}): an overfitting check that shows that the whole way "
            "works. It says nothing about other pictures."
        )
    embedder = manifest.embedder
    if embedder and embedder.weights == "random":
        notes.append(
            f"The embedder {embedder.name} has random weights here: its embedding is a fixed random projection of "
            "the picture and knows nothing about its content."
        )
    if settings.get("perceptual_weight") and settings["perceptual_weights"] == "random":
        notes.append(
            f"The perceptual loss compared features of {settings['perceptual_network']} with random weights: textures "
            "of a fixed random projection, not what the network would see had it learnt."
        )
    if networks.has_encoder(settings["network"]) and settings.get("encoder_weights") == "random":
        notes.append(f"The encoder of {settings['network']} has random weights here, where ImageNet's were meant.")
    if not metrics:
        notes.append("Not evaluated yet: run `tintmill evaluate`.")
    return notes


def make_splits(shown: list[Run]) -> list[Split]:
    """Every split that at least one of the runs was evaluated on."""
    names = dict.fromkeys(split for run in shown for split in run.evaluations)
    return [
        Split(name, {run.name: run.evaluations[name] for run in shown if name in run.evaluations}) for name in names
    ]


def differing_settings(shown: list[Run]) -> list[str]:
    return runs.differing([runs.Run(run.name, run.settings, {}, {}) for run in shown])


def _differ_in(shown: list[Run], names: list[str]) -> bool:
    return bool(set(differing_settings(shown)) & set(names))


def _shared(by_run: dict) -> list[tuple[list[str], object]]:
    """(names, what they have): runs that have the same come together, in the order of the first of them."""
    found = []
    for name, value in by_run.items():
        names = next((names for names, other in found if other == value), None)
        if names is None:
            found.append(([name], value))
        else:
            names.append(name)
    return found


def run_command(argv: list[str]) -> int:
    return command.run("report", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
