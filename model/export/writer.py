"""A run's network and its embedder as one artefact in a format that other programs run; `exported` reads it back.

The artefact computes in float32, whatever the precision of training. It is compared with Keras in its own runtime
before it is published, and says by how much it differed. It holds the sha256 of its parts: a changed weight is nothing
that a runtime would notice.
"""

import contextlib
import fcntl
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Iterator

import numpy as np

from tintmill.model.export import half_weights, reader, weights
from tintmill.model.export.formats.format import Format, Run
from tintmill.model.export.formats.reading import DAMAGES
from tintmill.model.export.formats.registry import FORMATS, recognise
from tintmill.model.prediction import colorizer, saved_model
from tintmill.pipeline.common import checked_json
from tintmill.pipeline.common.checked_json import anything, mapping
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import embed

_EMBEDDER_KEYS = ("name", "layer", "side", "weights_sha256")  # of its identity, in tintmill.json
AGREEMENT = 0.1  # of a* and b* on `check_picture`, from Keras: more is no rounding, and the export is refused
_HALF_AGREEMENT = 0.5  # the same of weights in float16, which keep 11 bits

_WORKPLACE = ".export-"  # how the folders begin in which exports are made
_OLD = "old"  # in such a folder: the export that is being replaced


def of_run(
    run: str,
    embedder_weights: str | None = None,
    temperature: float | None = None,
    rise: float = 0.0,
    takes: str = "grey",
):
    """The network of a run directory with its embedder inside, and what tintmill.json says of it.

    Args:
      embedder_weights, temperature, rise: as `colorizer.load`.
      takes: one of `reader.TAKES`.
    Returns:
      keras.Model (see `one_picture`), dict.
    Raises:
      TintmillError: as `colorizer.load`; or the network alone is wanted, and it takes an embedding or one size.
    """
    from tintmill.model.blocks import cost, heads
    from tintmill.model.export import one_picture

    manifest = saved_model.TrainedFolder(run).read_manifest()
    network = saved_model.load_model(run, temperature, rise)
    if takes == "lightness":
        _check_bare(run, network)
    embedder = None
    if "embedding" in network.input:  # not every network wants what the dataset holds
        embedder = colorizer.load_embedder(manifest.embedder, embedder_weights)
    settings = manifest.settings
    framing = one_picture.Framing(
        settings.size,
        settings.fit,
        manifest.embedding_from == "record",
        colorizer.fixed_size(network),
    )
    description = {
        "version": reader.TAKES[takes],
        "takes": takes,
        "inputs": list(network.input) if takes == "lightness" else [takes],
        "network": network.name,
        "run": os.path.basename(os.path.abspath(run)),
        "framing": vars(framing),
        "embedder": embedder
        and {key: getattr(embedder.identity, key) for key in ("name", "layer", "side", "weights_sha256")},
        "bins": "bins" in network.output,
        "temperature": heads.temperature_of(network),
        "temperature_rise": heads.rise_of(network),
        "parameters": network.count_params(),
        "multiply_adds": cost.picture_multiply_adds(network, settings.size),
        "dataset": {"name": settings.name, "version": settings.version} | {"fingerprint": manifest.fingerprint},
        "versions": {library: _version(library) for library in ("tintmill", "keras", "tensorflow")},
    }
    if takes == "lightness":
        return one_picture.build_bare(network), description
    return one_picture.build(network, embedder and embedder.network, framing), description


def _check_bare(run: str, network) -> None:
    more = "an embedding" if "embedding" in network.input else "one size" if colorizer.fixed_size(network) else ""
    if more:
        raise TintmillError(f"--takes=lightness: the network of --run={run} takes {more} too; leave the flag out")


def check_output(name: str, output: str) -> None:
    """Refuses a path before anything is computed.

    Args:
      name: of `formats.registry.FORMATS`.
    Raises:
      TintmillError: a name that the format's programs do not take, a missing folder, or something there that no export
        made.
    """
    suffix = FORMATS[name].suffix
    if not output.endswith(suffix) or "://" in output:
        ending = f" whose name ends in {suffix}" if suffix else ""
        raise TintmillError(f"--output={output}: wanted a local path{ending} for --format={name}")
    if not os.path.isdir(os.path.dirname(os.path.abspath(output))):
        raise TintmillError(f"--output={output}: no folder to put it in; make it first")
    if os.path.lexists(output) and not _is_export(output):
        raise TintmillError(f"--output={output} is there and no export of Tintmill's; give another name or remove it")


def write(network, description: dict, name: str, output: str, half: bool = False) -> dict:
    """Converts, checks the answer in the format's own runtime against Keras', and puts the result in place whole.

    Args:
      network, description: of `of_run`.
      name: of `formats.registry.FORMATS`.
      output: as `check_output` lets it pass.
      half: whether the weights become float16, as only ONNX can.
    Returns:
      The description, with what was measured.
    Raises:
      TintmillError: the format cannot hold the network, answers otherwise, or `output` cannot be written.
    """
    chosen = FORMATS[name]
    try:
        with _workplace(os.path.dirname(os.path.abspath(output))) as folder:
            made = os.path.join(folder, f"made{chosen.suffix}")
            inputs = make_check_inputs(description["takes"], network)
            wanted = np.asarray(network(inputs.get("grey", inputs), training=False)["ab"])
            _convert(chosen, network, made, name)
            if description["takes"] == "lightness":
                weights_of = [np.asarray(weight, np.float32) for weight in network.weights]
                description = description | {"weights": weights.locate(made, weights_of)}
            if half:
                half_weights.halve(made)
            unit = 128.0 if description["takes"] == "lightness" else 1.0  # of a* and b*
            most = _HALF_AGREEMENT if half else AGREEMENT
            difference = unit * compare(wanted, chosen.load(made), inputs, most / unit)
            description = description | {"format": name, "ab_difference": difference, "parts": chosen.digests(made)}
            chosen.write_metadata(made, json.dumps(description))
            _replace(made, output, folder)
    except OSError as error:
        raise TintmillError(f"--output={output}: cannot be written: {error}") from error
    return description


@contextlib.contextmanager
def _workplace(folder: str) -> Iterator[str]:
    """A temporary folder in `folder`, locked as long as it lives; what killed exports left beside it is removed."""
    _remove_leftovers(folder)
    with tempfile.TemporaryDirectory(prefix=_WORKPLACE, dir=folder) as made:
        handle = os.open(made, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network file systems know no locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield made
        finally:
            os.close(handle)


def _remove_leftovers(folder: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if not name.startswith(_WORKPLACE) or os.path.lexists(os.path.join(path, _OLD)):
            continue  # with an earlier export in it, it was killed while that was replaced: the only copy
        with contextlib.suppress(OSError):  # locked: another export lives
            handle = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(handle)


def compare(wanted: np.ndarray, run: Run, inputs: dict[str, np.ndarray], most: float) -> float:
    """The greatest difference in `ab` between another runtime and Keras' answer to the same inputs.

    Args:
      most: the greatest difference that rounding explains.
    Raises:
      TintmillError: it is greater.
    """
    found = run(inputs)["ab"]
    same_size = found.shape == wanted.shape
    difference = float(np.abs(found - wanted).max()) if same_size else float("inf")
    if not difference <= most:
        what = f"are off by {difference:.2g}" if same_size else f"have the shape {found.shape}"
        allowed = f"at most {most:.2g}" if same_size else f"{wanted.shape}"
        raise TintmillError(
            f"the exported network's colours {what}, wanted {allowed}, beside Keras' own; choose another --format"
        )
    return difference


def check_picture() -> np.ndarray:
    """A synthetic grey picture, wider than high: float32 [1, 90, 120, 1], 0..255."""
    return embed.golden_view(120)[None, :90, :, None].astype(np.float32)


def make_check_inputs(takes: str, network) -> dict[str, np.ndarray]:
    """`check_picture` as the exported network takes it, with a few hints where it takes any."""
    grey = check_picture()
    if takes == "grey":
        return {"grey": grey}
    inputs = {"l": grey / 127.5 - 1.0}
    if "hints" in network.input:
        inputs["hints"] = np.zeros((*grey.shape[:3], 3), np.float32)
        inputs["hints"][0, 20:24, 30:34] = 0.3, -0.2, 1.0
    return inputs


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # run from its source tree, not installed


def _convert(chosen: Format, network, path: str, name: str) -> None:
    try:
        chosen.write(network, path)
    except OSError:
        raise
    except Exception as error:  # what converters raise has no common type
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TintmillError(f"--format={name}: the network cannot be converted ({said}); choose another") from error


def _is_export(path: str) -> bool:
    name = recognise(path)
    if not name:
        return False
    try:
        return "version" in checked_json.parse(FORMATS[name].read_metadata(path), mapping(anything))
    except DAMAGES:
        return False


def _replace(made: str, output: str, folder: str) -> None:
    """Puts what was made in place; a folder cannot be renamed over another, so the old one goes first."""
    old = os.path.join(folder, _OLD)
    if os.path.isdir(output) or (os.path.isdir(made) and os.path.exists(output)):
        os.rename(output, old)
    try:
        os.replace(made, output)
    except OSError:
        if os.path.lexists(old):
            os.rename(old, output)
        raise
