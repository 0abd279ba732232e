"""What is scored: a run on a split of a dataset, a run on a folder of pictures, or other people's pictures."""

import dataclasses
import os
import sys

from tintmill.model.colorizers.found import Colorizer, TrainedRun, find_export
from tintmill.model.colorizers.identity import Identity
from tintmill.model.export import reader
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.evaluation import on_folders, scoring
from tintmill.trainer.evaluation.arguments import EvaluateArguments
from tintmill.trainer.evaluation.on_folders import Frame, Judged
from tintmill.trainer.evaluation.scoring import Source
from tintmill.trainer.input import stage
from tintmill.trainer.run.begin import check_same_embedder
from tintmill.trainer.run.folder import EvaluationFolder, RunFolder


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is scored, and where its scores go.

    Attributes:
      source: gives the pictures and the answers.
      about: what metrics.json says of them, as JSON values.
      folder: for the results.
      encoding_fidelity: of records, what their rounding costs; None for files, which are the truth itself.
    """

    source: Source
    about: dict
    folder: EvaluationFolder
    encoding_fidelity: dict | None = None


def open_subject(arguments: EvaluateArguments) -> Subject:
    """Finds the pictures, and loads the network that answers, where there is one.

    Raises:
      TintmillError: a run, dataset, split or folder is not there, or the run and the dataset do not fit each other.
    """
    if arguments.pictures:
        return _open_pictures(arguments)
    if arguments.run:
        return _open_records(arguments) if arguments.data else _open_run_on_folder(arguments)
    return _open_model_on_records(arguments) if arguments.data else _open_model_on_folder(arguments)


def _open_records(arguments: EvaluateArguments) -> Subject:
    """A run on a split of a dataset."""
    run, dataset = RunFolder(arguments.run), open_dataset(arguments.data)
    dataset.check_split(arguments.split)
    settings = run.read_settings()
    check_same_embedder(run, dataset)
    dataset = stage.bring_here(dataset, {arguments.split}, arguments)
    import_tensorflow()
    from tintmill.model.prediction import saved_model
    from tintmill.trainer.evaluation.on_records import Records

    model = saved_model.load_model(run.path, arguments.temperature, arguments.temperature_rise)
    if arguments.hints and "hints" not in model.input:
        raise _no_hints(arguments)
    source = Records(model, settings["network"], dataset, arguments.split, arguments.batch, arguments.hints)
    fidelity = dataclasses.asdict(dataset.manifest.encoding_fidelity[arguments.split])
    about = _describe_run(settings, model, dataset.settings.size, arguments)
    about |= _describe_split(arguments.split, settings, dataset, fidelity)
    folder = run.evaluation(_with_hints(arguments.split, arguments))
    return Subject(source, about, EvaluationFolder(arguments.output or folder.path), fidelity)


def _open_run_on_folder(arguments: EvaluateArguments) -> Subject:
    """A run on a folder of colour pictures. Whether it was trained on some of them is not known."""
    run, frame = RunFolder(arguments.run), Frame(arguments.resize, arguments.size)
    settings = run.read_settings()
    colorize = TrainedRun(run.path).load(arguments.embedder_weights, arguments.temperature, arguments.temperature_rise)
    if arguments.hints and not colorize.takes_hints:
        raise _no_hints(arguments)
    source = on_folders.coloured_by(colorize, settings["network"], arguments.truth, frame, arguments.hints)
    split = _name_folder(arguments.truth)
    about = _describe_run(settings, colorize.network, run.read_manifest().settings.size, arguments)
    about |= _describe_folder(arguments.truth, source, frame)
    about |= {"split": split, "trained_on_split": settings["split"]}
    return Subject(
        source, about, EvaluationFolder(arguments.output or run.evaluation(_with_hints(split, arguments)).path)
    )


def _open_model_on_records(arguments: EvaluateArguments) -> Subject:
    """An exported model, or the built-in one, on a split of a dataset."""
    dataset = open_dataset(arguments.data)
    dataset.check_split(arguments.split)
    colorize, identity = _load_model(arguments)
    if not isinstance(getattr(colorize, "network", None), reader.BareNetwork):
        raise TintmillError(
            f"--model={arguments.model}: takes whole pictures; export it with --format=onnx --takes=lightness for "
            "--data, or score it on a folder by --truth"
        )
    dataset = stage.bring_here(dataset, {arguments.split}, arguments)
    import_tensorflow()
    from tintmill.trainer.evaluation.on_records import Records

    source = Records(colorize.network, identity.name, dataset, arguments.split, arguments.batch, arguments.hints)
    fidelity = dataclasses.asdict(dataset.manifest.encoding_fidelity[arguments.split])
    about = _describe_model(colorize, identity, arguments)
    about |= _describe_split(arguments.split, {"split": None}, dataset, fidelity)
    about["same_pictures_as_training"] = None  # a model does not say on which pictures it was trained
    return Subject(source, about, _output_folder(arguments), fidelity)


def _open_model_on_folder(arguments: EvaluateArguments) -> Subject:
    """An exported model, or the built-in one, on a folder of colour pictures."""
    frame = Frame(arguments.resize, arguments.size)
    folder = _output_folder(arguments)
    colorize, identity = _load_model(arguments)
    source = on_folders.coloured_by(colorize, identity.name, arguments.truth, frame, arguments.hints)
    about = _describe_model(colorize, identity, arguments) | _describe_folder(arguments.truth, source, frame)
    split = _name_folder(arguments.truth)
    about |= {"split": split, "trained_on_split": None}
    return Subject(source, about, folder)


def _load_model(arguments: EvaluateArguments) -> tuple[Colorizer, Identity]:
    """What answers, and who it is. Its temperature is that of its file."""
    if arguments.temperature is not None or arguments.temperature_rise:
        raise TintmillError(
            f"--temperature={arguments.temperature}: the model answers at the temperature of its file; leave the flag "
            "out, or export it anew with --temperature"
        )
    model = find_export(arguments.model)
    identity, colorize = model.identity, model.load()
    if arguments.hints and not colorize.takes_hints:
        raise _no_hints(arguments)
    return colorize, identity


def _output_folder(arguments: EvaluateArguments) -> EvaluationFolder:
    if not arguments.output:
        raise TintmillError("--output is not given: wanted a folder for metrics.json and the examples")
    return EvaluationFolder(arguments.output)


def _describe_model(colorize: Colorizer, identity: Identity, arguments: EvaluateArguments) -> dict:
    """What metrics.json says of a model, as its file says it."""
    description = getattr(colorize, "description", None) or colorize.network.description
    said = ("steps", "parameters", "multiply_adds", "temperature", "temperature_rise")
    return {name: description.get(name) for name in said} | {"hints": arguments.hints} | identity.provenance


def _open_pictures(arguments: EvaluateArguments) -> Subject:
    """Other people's coloured pictures."""
    folder = _output_folder(arguments)
    frame = Frame(arguments.resize, arguments.size)
    source = on_folders.others_pictures(arguments.pictures, arguments.truth, frame)
    about = _describe_folder(arguments.truth, source, frame)
    about["pictures_folder"] = files.absolute(arguments.pictures)
    return Subject(source, about, folder)


def _no_hints(arguments: EvaluateArguments) -> TintmillError:
    return TintmillError(
        f"--hints={arguments.hints}: the network was trained without, or takes none as it was exported; leave the flag "
        "out"
    )


def _name_folder(truth: str) -> str:
    """What stands in the place of a split's name where a folder of pictures is scored."""
    return f"truth-{os.path.basename(files.absolute(truth))}"


def _with_hints(split: str, arguments: EvaluateArguments) -> str:
    """The name of an evaluation's folder: what is scored, and how many hints were given."""
    return f"{split}-{arguments.hints}-hints" if arguments.hints else split


def _describe_run(settings: dict, model, size: int, arguments: EvaluateArguments) -> dict:
    """What metrics.json says of a run; `temperature` is that of the annealed mean, None for a regression.

    A temperature is no weight of a network: evaluate and colorize may change it after training.
    """
    from tintmill.model.blocks import cost, heads

    return {
        "steps": settings["steps"],
        "parameters": model.count_params(),
        "multiply_adds": cost.picture_multiply_adds(model, size),
        "temperature": heads.temperature_of(model),
        "temperature_rise": heads.rise_of(model),
        "hints": arguments.hints,
    }


def _describe_split(split: str, settings: dict, dataset: Dataset, fidelity: dict) -> dict:
    """What metrics.json says of the split that is scored."""
    data = dataset.settings
    return {
        "split": split,
        "trained_on_split": settings["split"],
        "same_pictures_as_training": split == settings["split"],
        "dataset": {key: getattr(data, key) for key in ("name", "version", "size", "fit", "encoding")},
        "dataset_fingerprint": dataset.manifest.fingerprint,
        "embedder": dataset.embedder and {key: getattr(dataset.embedder, key) for key in ("name", "layer", "weights")},
        "encoding_fidelity": fidelity,
        "protocol": (
            f"truth: the record's Lab ({data.encoding}) as 8-bit sRGB; answers: the record's L* with "
            "the row's ab, chroma reduced into sRGB, rounded to 8 bits; means over pictures, infinite PSNRs left out; "
            f"AuC: {scoring.AUC}; "
            f"pictures {data.size}x{data.size} by {data.fit}"
        ),
    }


def _describe_folder(truth: str, source: Judged, frame: Frame) -> dict:
    """What metrics.json says of a folder that is scored; pictures that are left out are named on stderr too."""
    for entry in source.left_out:
        print(f"LEFT OUT {entry}", file=sys.stderr)
    return {
        "truth_folder": files.absolute(truth),
        "left_out": [{"file": entry.file, "reason": entry.reason, "detail": entry.detail} for entry in source.left_out],
        "same_pictures_as_training": None,
        "dataset": None,
        "dataset_fingerprint": None,
        "protocol": (
            "truth: the files of a folder as 8-bit sRGB; means over pictures, infinite PSNRs left out; AuC: "
            f"{scoring.AUC}; resize {frame.describe()}"
        ),
    }
