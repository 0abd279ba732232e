"""Puts an exported network into its place among the models that are known by a name."""

import dataclasses
import os
import shutil

from tintmill.model.builtin import card, catalogue
from tintmill.model.builtin.catalogue import KnownModel
from tintmill.model.export import reader
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

MOST_BUILT_IN = 15_000_000  # bytes: what a package may carry to everyone who installs it


@dataclasses.dataclass(frozen=True)
class Installation:
    """What is installed, under which name, and what its card says.

    Attributes:
      source: a file of `tintmill export --format=onnx --takes=lightness`.
      name, version, description: as `KnownModel`.
      built_in: whether it goes into the package, which maintainers do, or into the user's folder.
      notes: path of a Markdown file that becomes a part of the card; empty for none.
      scores: LABEL=FILE, evaluations for the card, see `card.read_scores`.
    """

    source: str
    name: str
    version: str
    description: str = ""
    built_in: bool = False
    notes: str = ""
    scores: tuple[str, ...] = ()


def install(wanted: Installation) -> KnownModel:
    """Copies the file, then writes its card, then what makes it known; an earlier model of the name is replaced.

    Raises:
      TintmillError: the file is no export that takes L*, it is damaged or too large, a text of the card cannot be read,
        or the folder cannot be written.
    """
    if not catalogue.is_name(wanted.name):
        raise TintmillError(f"--name={wanted.name}: wanted letters, digits, dots, dashes and underscores")
    source, description = wanted.source, _describe(wanted.source)
    if wanted.built_in and os.path.getsize(source) > MOST_BUILT_IN:
        size = os.path.getsize(source) / 1e6
        raise TintmillError(
            f"--install={source}: {size:.1f} MB, wanted at most {MOST_BUILT_IN / 1e6:.0f} for a built-in model; export "
            "it with --half_weights"
        )
    model = KnownModel(
        wanted.name,
        wanted.version,
        reader.sha256_of(source),
        catalogue.PACKAGE if wanted.built_in else catalogue.user_folder(),
        description["network"],
        wanted.description,
    )
    text = card.compose(card.read_exported(source), model, os.path.getsize(source), wanted.notes, wanted.scores)
    try:
        os.makedirs(model.folder, exist_ok=True)
        temporary = os.path.join(model.folder, f".tmp-{model.name}.onnx")
        shutil.copyfile(source, temporary)
        os.replace(temporary, model.path)
        files.write(model.card, text)
        model.write_about()
    except OSError as error:
        raise TintmillError(f"{model.folder}: cannot be written: {error}") from error
    return model


def _describe(source: str) -> dict:
    """What an export says of itself; it has been loaded once, so that what is installed runs."""
    export = reader.open_export(source)
    if export.description["takes"] != "lightness":
        raise TintmillError(
            f"--install={source}: takes a {export.description['takes']} picture ({export.format_name}); wanted a file "
            "of `tintmill export --format=onnx --takes=lightness`"
        )
    export.load()
    return export.description
