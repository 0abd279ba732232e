"""Photographs -> a dataset directory, on Apache Beam.

    tintmill prepare --input=PHOTOS --output=DATASETS --name=mine --size=224

--source says what --input is: `folder` (a folder, a zip or tar file, a tar.gz, tar.bz2 or tar.xz, a quoted pattern, or
a .txt, .csv or .tsv list of paths), `celeba`, `linnaeus5`, `imagenet`, `tiny_imagenet` (each as it is downloaded,
archives stay packed), or `tfds` (a data_dir of TensorFlow Datasets, with --tfds_name). Local paths or gs:// URLs.

Writes DATASETS/mine/1.0.0. Interrupted, it is resumed by the same command: finished shards are kept. Flags that are not
listed here go to Beam (`--runner=PortableRunner --job_endpoint=...`).
"""

import contextlib
import dataclasses
import os
import sys
import threading
from collections.abc import Iterator

from absl import flags

from tintmill.pipeline.common import command, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import embed, manifest
from tintmill.pipeline.dataset.names import LAST_ERROR, REJECTS, REPORTS
from tintmill.pipeline.dataset.settings import (
    NAMED_WEIGHTS,
    EmbedderSettings,
    Settings,
    SourceOptions,
    parse_limits,
    parse_splits,
)
from tintmill.pipeline.imaging.lab import ENCODINGS
from tintmill.pipeline.imaging.photo import FITS
from tintmill.pipeline.shards import duplicates, plan, publish
from tintmill.pipeline.shards.reports import Reports
from tintmill.pipeline.sources import SOURCES, reuse_lab

FLAGS = flags.FlagValues()
_D = Settings(name="defaults")

flags.DEFINE_enum(
    "source", _D.source, [name for name in SOURCES if name != "reuse_lab"], "Kind of input.", flag_values=FLAGS
)
flags.DEFINE_string("input", None, "Where the pictures are; folder, archive, pattern, list.", flag_values=FLAGS)
flags.DEFINE_string(
    "reuse_lab", "", "Instead of --input: a dataset whose records get other embeddings.", flag_values=FLAGS
)
flags.DEFINE_string("output", None, "Where datasets go; NAME/VERSION is made below.", flag_values=FLAGS, required=True)
flags.DEFINE_string(
    "name", None, "Name of the dataset: lower-case letters, digits, _.", flag_values=FLAGS, required=True
)
flags.DEFINE_string("version", _D.version, "Version of the dataset.", flag_values=FLAGS)
flags.DEFINE_integer("size", _D.size, "Side of the square records in pixels.", flag_values=FLAGS)
flags.DEFINE_enum("fit", _D.fit, FITS, "How a picture becomes square; pad mirrors it outwards.", flag_values=FLAGS)
flags.DEFINE_enum("encoding", _D.encoding, ENCODINGS, "How Lab is stored.", flag_values=FLAGS)
flags.DEFINE_enum("embedder", "inception_resnet_v2", [*embed.NETWORKS, "none"], "Embedding network.", flag_values=FLAGS)
flags.DEFINE_enum("embedder_layer", "logits", embed.LAYERS, "Which layer's output is stored.", flag_values=FLAGS)
flags.DEFINE_string("embedder_weights", "imagenet", "imagenet, random, zeros or a weights file.", flag_values=FLAGS)
flags.DEFINE_string(
    "splits",
    "",
    "Shares of what has no official split, by hash: train:0.9,val:0.05,test:0.05. Empty: the source's default.",
    flag_values=FLAGS,
)
flags.DEFINE_integer("shard_examples", _D.shard_examples, "Pictures a shard, about.", flag_values=FLAGS)
flags.DEFINE_integer(
    "limit", _D.limit, "Take only the first N pictures by hash; subsets nest. 0: all.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "limit_per_class",
    0,
    "Take only the first N pictures by hash of each class, of official splits each.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "limit_per_split", "", "Take only the first N pictures by hash of a split: train:1000,val:200.", flag_values=FLAGS
)
flags.DEFINE_string("labels", "", "imagenet: list of the validation pictures' synsets.", flag_values=FLAGS)
flags.DEFINE_string("label_names", "", "imagenet: list of synsets and their readable names.", flag_values=FLAGS)
flags.DEFINE_string("synsets", "", "imagenet: list of the synsets to take; its order numbers them.", flag_values=FLAGS)
flags.DEFINE_string("celeba_label", "", "celeba: the attribute that becomes the label, as Smiling.", flag_values=FLAGS)
flags.DEFINE_boolean("celeba_attributes", True, "celeba: store the attributes.", flag_values=FLAGS)
flags.DEFINE_string("tfds_name", "", "tfds: the dataset, as tf_flowers or NAME/CONFIG:VERSION.", flag_values=FLAGS)
flags.DEFINE_list("classes", [], "Take only these classes, separated by commas.", flag_values=FLAGS)
flags.DEFINE_boolean("drop_grey", _D.drop_grey, "Leave out pictures without colour.", flag_values=FLAGS)
flags.DEFINE_boolean("drop_uniform", _D.drop_uniform, "Leave out pictures of one flat colour.", flag_values=FLAGS)
flags.DEFINE_boolean("drop_letterbox", _D.drop_letterbox, "Leave out pictures with bars.", flag_values=FLAGS)
flags.DEFINE_boolean(
    "drop_duplicates", _D.drop_duplicates, "Leave out training pictures that are in val or test too.", flag_values=FLAGS
)
flags.DEFINE_boolean(
    "reduced_decode", _D.reduced_decode, "Decode JPEGs at 1/2 to 1/8 where that is twice enough.", flag_values=FLAGS
)
flags.DEFINE_boolean("embed_mirror", _D.embed_mirror, "Embed the mirrored picture too.", flag_values=FLAGS)
flags.DEFINE_integer("min_side", _D.min_side, "Reject pictures whose shorter side is below.", flag_values=FLAGS)
flags.DEFINE_integer("max_pixels", _D.max_pixels, "Reject pictures with more pixels (memory).", flag_values=FLAGS)
flags.DEFINE_float("max_reject_fraction", 0.05, "Fail at the end above this share of rejects.", flag_values=FLAGS)
flags.DEFINE_integer("workers", 0, "Worker processes on this machine; 0: one a core.", flag_values=FLAGS)
flags.DEFINE_string("runner", "FnApiRunner", "Beam runner; the default is this machine.", flag_values=FLAGS)


flags.register_multi_flags_validator(
    ["input", "reuse_lab"],
    lambda given: bool(given["input"]) != bool(given["reuse_lab"]),
    "wanted either --input=PICTURES or --reuse_lab=DATASET",
    flag_values=FLAGS,
)

# The headings of the help; each flag is below one of them.
TOPICS = {
    "Input": ("source", "input", "reuse_lab"),
    "Dataset": ("output", "name", "version", "splits", "shard_examples"),
    "Records": ("size", "fit", "encoding", "reduced_decode"),
    "Embedding": ("embedder", "embedder_layer", "embedder_weights", "embed_mirror"),
    "A part of the input": ("limit", "limit_per_class", "limit_per_split", "classes"),
    "What is left out": (
        "drop_grey",
        "drop_uniform",
        "drop_letterbox",
        "drop_duplicates",
        "min_side",
        "max_pixels",
        "max_reject_fraction",
    ),
    "Of some sources": (
        "celeba_label",
        "celeba_attributes",
        "labels",
        "label_names",
        "synsets",
        "tfds_name",
    ),
    "Where it runs": ("workers", "runner"),
}


def main(beam_flags: list[str]) -> None:
    if FLAGS.reuse_lab:
        take_over_flags(FLAGS.reuse_lab)
    settings = settings_from_flags()
    _check_beam_flags(beam_flags)
    root = files.absolute(FLAGS.input or FLAGS.reuse_lab)
    folder = files.join(files.absolute(FLAGS.output), settings.name, settings.version)
    if settings.source != "tfds":  # that one reads a single dataset of its folder
        _check_apart(root, folder)
    the_plan = plan.make_plan(settings, root, folder)
    for note in the_plan.notes:
        _say(f"NOTE: {note}")
    claim = begin(the_plan)
    reports = Reports(the_plan)
    reports.look()
    reports.take_back_changed()
    _say(f"{sum(dict(the_plan.counts).values())} files, {len(the_plan.shard_keys())} shards, {reports.todo} to build")
    build(reports, beam_flags)
    if settings.drop_duplicates:
        leave_out_duplicates(reports, beam_flags)
    try:
        made = publish.publish(the_plan, claim, reports.all(), FLAGS.max_reject_fraction)
    except OSError as error:
        raise TintmillError(f"--output={FLAGS.output}: cannot be written: {error}") from error
    _summarise(made)


def take_over_flags(folder: str) -> None:
    """Sets the flags that the records of `folder` decide, unless they were given.

    Raises:
      TintmillError: no dataset there.
    """
    kept = reuse_lab.read_manifest(folder).settings
    for name in reuse_lab.SAME:
        if not FLAGS[name].present:
            setattr(FLAGS, name, getattr(kept, name))


def settings_from_flags() -> Settings:
    """The settings the flags describe, checked."""
    embedder = None
    if FLAGS.embedder != "none":
        embedder = EmbedderSettings(FLAGS.embedder, FLAGS.embedder_layer, _absolute_weights(FLAGS.embedder_weights))
        embed.check(embedder)
    return Settings(
        name=FLAGS.name,
        version=FLAGS.version,
        source="reuse_lab" if FLAGS.reuse_lab else FLAGS.source,
        size=FLAGS.size,
        fit=FLAGS.fit,
        encoding=FLAGS.encoding,
        embedder=embedder,
        splits=parse_splits(FLAGS.splits) if FLAGS.splits else None,
        shard_examples=FLAGS.shard_examples,
        limit=FLAGS.limit,
        limit_per_class=FLAGS.limit_per_class,
        limit_per_split=parse_limits(FLAGS.limit_per_split),
        classes=tuple(FLAGS.classes),
        drop_grey=FLAGS.drop_grey,
        drop_uniform=FLAGS.drop_uniform,
        drop_letterbox=FLAGS.drop_letterbox,
        drop_duplicates=FLAGS.drop_duplicates,
        reduced_decode=FLAGS.reduced_decode,
        embed_mirror=FLAGS.embed_mirror,
        min_side=FLAGS.min_side,
        max_pixels=FLAGS.max_pixels,
        options=_source_options(),
    )


def _source_options() -> SourceOptions:
    values = {field.name: FLAGS[field.name].value for field in dataclasses.fields(SourceOptions)}
    for name in ("labels", "label_names", "synsets"):
        values[name] = values[name] and files.absolute(values[name])
    return SourceOptions(**values)


def _check_beam_flags(beam_flags: list[str]) -> None:
    if beam_flags or FLAGS["runner"].present:
        from tintmill.pipeline.beam import checks  # importing Beam takes seconds

        checks.check(FLAGS.runner, beam_flags, FLAGS)


def _check_apart(root: str, folder: str) -> None:
    if files.is_pattern(root):
        root = files.pattern_root(root) if "**" in root else root
    # Links resolved: the next listing would find the dataset's own files among the pictures.
    inner, outer = (path if files.is_remote(path) else os.path.realpath(path) for path in (folder, root))
    if inner == outer or inner.startswith(outer.rstrip("/") + "/"):
        raise TintmillError(f"--output={FLAGS.output} lies inside --input={FLAGS.input}; wanted a folder outside of it")


def begin(the_plan: plan.Plan) -> plan.Claim:
    """Makes the dataset's folder and writes the plan, or refuses a folder that holds something else."""
    plan.check_resumable(the_plan)
    try:
        for part in ((), (REPORTS,), (REJECTS,)):
            files.make_folder(the_plan.path(*part))
        return plan.claim(the_plan)
    except OSError as error:
        raise TintmillError(f"--output={FLAGS.output}: cannot be written: {error}") from error


def build(reports: Reports, beam_flags: list[str]) -> None:
    """Runs the Beam job to its end, unless nothing is left to do; committed shards are left alone.

    Raises:
      TintmillError: with the worker's last word and how far it came.
    """
    said = reports.plan.path(LAST_ERROR)
    _remove(said)  # of a run that was killed
    if not reports.todo:
        return
    from tintmill.pipeline.beam.job import run

    try:
        with _progress(reports):
            run(reports.plan, FLAGS.runner, FLAGS.workers, beam_flags)
    except Exception as error:  # runners wrap a worker's exception in types of their own
        text = files.read(said).decode() if files.exists(said) else _last_line(error)
        raise TintmillError(
            f"a worker failed: {text}; {reports.built} of {reports.built + reports.todo} shards are "
            "finished and kept; run the same command again to go on"
        ) from error
    finally:
        _remove(said)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        files.remove(path)


def leave_out_duplicates(reports: Reports, beam_flags: list[str]) -> None:
    """Builds the shards with duplicates again, without them."""
    found = duplicates.find(reports.plan, reports.all())
    reports.exclude(found)
    if reports.todo:
        pictures = sum(map(len, found.values()))
        _say(f"{pictures} pictures are in two splits; {reports.todo} shards are built again without them")
        build(reports, beam_flags)


def _absolute_weights(weights: str) -> str:
    return weights if weights in NAMED_WEIGHTS else files.absolute(weights)


@contextlib.contextmanager
def _progress(reports: Reports) -> Iterator[None]:
    """While inside, shows how far the job is; afterwards `reports` knows all that is committed."""
    finished = threading.Event()
    thread = threading.Thread(target=_show_progress, args=(reports, finished), daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _show_progress(reports: Reports, finished: threading.Event) -> None:
    """One line, read off the committed reports, so it works on any runner."""
    from tqdm import tqdm

    total = sum(dict(reports.plan.counts).values())
    before = reports.built
    with tqdm(
        total=total, initial=reports.read, unit=" pictures", desc=f"{before} shards", smoothing=0, mininterval=0
    ) as bar:
        last = False
        while not last:
            last = finished.wait(15.0 if files.is_remote(reports.plan.folder) else 1.0)
            with contextlib.suppress(TintmillError):  # a bucket does not answer; who publishes looks again
                reports.look()
            if reports.built > before:
                before = reports.built
                bar.set_description(f"{before} shards", refresh=False)
                bar.update(reports.read - bar.n)
            if sys.stderr.isatty():
                bar.refresh()  # the clock goes on between two shards; a log file wants news only


def _summarise(made: manifest.Dataset) -> None:
    pictures = made.manifest.pictures
    size = sum(entry.bytes for entry in made.shards())
    splits = ", ".join(f"{name} {n}" for name, n in made.splits.items())
    each = size / max(1, pictures.kept)
    _say(f"{pictures.kept} of {pictures.read} pictures kept ({splits}), {each:,.0f} bytes each")
    for code, number in pictures.rejected.items():
        _say(f"  left out: {number} {code}")
    if made.embedder and made.embedder.weights == "random":
        _say(f"  NOTE: {made.embedder.name} has RANDOM weights here; its embedding knows nothing about pictures")
    if made.embedder and made.embedder.weights == "zeros":
        _say("  NOTE: every embedding is zero, as --embedder_weights=zeros asks")
    print(made.folder)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [line for line in lines if "TintmillError: " in line]
    text = (ours or lines or [type(error).__name__])[-1 if not ours else 0]
    return text.split("TintmillError: ")[-1].split(" [while running")[0]


def run_command(argv: list[str]) -> int:
    return command.run("prepare", FLAGS, main, argv, __doc__, unknown="pass", topics=TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
