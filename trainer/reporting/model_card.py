"""The model card of an export: what it is, what it learnt from, its scores, its terms, how to use it.

In the form that model hubs read: Markdown below a header in YAML.
"""

import dataclasses
import os
from numbers import Real

from tintmill.model.export import reader
from tintmill.model.export.formats.registry import FORMATS
from tintmill.model.metrics import registry
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import Manifest
from tintmill.pipeline.dataset.settings import weights_label
from tintmill.pipeline.sources import SOURCES
from tintmill.trainer.reporting.notes import make_notes
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings

MARK = "<!-- Written by `tintmill export`; the next export to the same place writes it anew. -->"
_ALWAYS = ("network", "loss", "steps", "global_batch", "optimizer", "learning_rate", "seed")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run directory's own words: settings.json, dataset.json, metrics.json of each split, the report's notes."""

    settings: dict
    manifest: Manifest
    metrics: dict[str, dict]
    notes: list[str]


def read_run(run: RunFolder) -> Run:
    """What a card tells of a run directory.

    Raises:
      TintmillError: it is none, or a file of it is damaged.
    """
    settings, manifest, metrics = run.read_settings(), run.read_manifest(), run.read_evaluations()
    notes = make_notes(settings, manifest, [*metrics.values()])
    return Run(settings, manifest, metrics, notes)


def path_of(output: str) -> str:
    """Where the card of an export lies: beside it, by its name, as several exports may share a folder."""
    return f"{output.rstrip('/')}.MODEL_CARD.md"


def check_output(output: str) -> None:
    """Raises TintmillError where something lies at the card's place that no export wrote."""
    path = path_of(output)
    if os.path.lexists(path) and not (os.path.isfile(path) and MARK.encode() in files.read(path)):
        raise TintmillError(f"{path} is there and no model card of Tintmill's; move it, or give another --output")


def render(run: Run, description: dict, output: str, terms: str | None) -> str:
    """The card's Markdown.

    Args:
      description: what tintmill.json says (`exported`).
      output: the export, already in place.
      terms: of --terms.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.join(os.path.dirname(__file__), "templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    name = os.path.basename(os.path.abspath(output))
    return environment.get_template("model_card.md.jinja").render(
        header=_header(run, description, name, terms),
        mark=MARK,
        name=name,
        is_folder=os.path.isdir(output),
        sha256=reader.sha256_of(output),
        description=description,
        format=FORMATS[description["format"]],
        run=run,
        dataset=run.manifest.settings,
        columns={name: metric.plain_heading for name, metric in registry.in_table("card").items()},
        number=_number,
        settings=choose_settings(run.settings),
        terms=terms,
        known_terms=known_terms(run.manifest),
    )


def choose_settings(settings: dict) -> dict:
    """The settings that decide what was learnt: the first few always, of the others those that are not the default."""
    defaults = {field.name: field.default for field in dataclasses.fields(TrainSettings)}
    told = {key: value for key, value in settings.items() if key in _ALWAYS or value != defaults.get(key)}
    # Of a weights file its name: where it lies on somebody's disk is nobody's business.
    return {key: weights_label(value) if key.endswith("_weights") else value for key, value in told.items()}


def known_terms(manifest: Manifest) -> list[str]:
    """What is known of the terms of pictures and of pretrained weights."""
    source = SOURCES.get(manifest.source.kind)  # None: a source of another version
    terms = [source.terms] if source and source.terms else []
    embedder = manifest.embedder
    if embedder and embedder.weights == "imagenet":
        terms.append(f"The embedder {embedder.name} holds Keras' weights, which were learnt from ImageNet.")
    return terms


def _header(run: Run, description: dict, name: str, terms: str | None) -> str:
    import yaml

    header = {
        "license": "other" if terms else "unknown",
        "library_name": FORMATS[description["format"]].hub_library,
        "pipeline_tag": "image-to-image",
        "tags": ["image-colorization", "tintmill", description["network"]],
    }
    if terms:
        header["license_name"] = "see-terms"
    if run.metrics:
        results = [_result(run, split, metrics) for split, metrics in run.metrics.items()]
        header["model-index"] = [{"name": name, "results": results}]
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=True)


def _result(run: Run, split: str, metrics: dict) -> dict:
    dataset = run.manifest.settings.name
    scores = metrics["rows"][0]
    found = [
        {"type": name, "name": metric.plain_heading, "value": scores.get(name)}
        for name, metric in registry.in_table("card").items()
    ]
    return {
        "task": {"type": "image-to-image", "name": "image colorization"},
        "dataset": {"type": dataset, "name": dataset, "split": split},
        "metrics": [metric for metric in found if isinstance(metric["value"], Real)],
    }


def _number(value) -> str:
    return f"{value:.3f}" if isinstance(value, Real) else "-"
