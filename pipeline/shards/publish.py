"""Publishing a dataset directory once its shards are committed.

Order: manifest.json, the index of each split, then TFDS metadata with dataset_info.json last, each file atomically. A
directory with a manifest is complete for Tintmill, which reads without an index too, one with dataset_info.json for
everybody.

The command that started the job publishes, from the committed reports. A last step of the Beam graph does not. So
errors (an empty split, too many rejects) come as one line on every runner, and a rerun after a crash publishes in
seconds. Only runners that the command waits for are offered.

In a bucket the manifest is published only over what the run found when it began, beside the run's own plan.json, and
once the bucket's checksums of all shards are those of the reports. Two runs with the same settings write the same
bytes, so both succeed.
"""

import dataclasses
import json
import os
import tempfile

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset import contact_sheet, croissant, record
from tintmill.pipeline.dataset.croissant import Publication
from tintmill.pipeline.dataset.index import make_index, unpack_places
from tintmill.pipeline.dataset.manifest import (
    Dataset,
    EncodingFidelity,
    InputSource,
    Manifest,
    ShardEntry,
)
from tintmill.pipeline.dataset.names import (
    CONTACT_SHEET,
    CROISSANT,
    DATASET_INFO,
    INDEX,
    MANIFEST,
    PLAN,
    REJECTS,
    REPORTS,
    name_index,
)
from tintmill.pipeline.dataset.shard_report import ShardReport
from tintmill.pipeline.dataset.totals import sum_reports
from tintmill.pipeline.imaging import photo
from tintmill.pipeline.shards.plan import Plan
from tintmill.pipeline.shards.resume import Claim
from tintmill.pipeline.sources import SOURCES


def publish(
    plan: Plan,
    claim: Claim,
    reports: list[ShardReport],
    max_reject_fraction: float,
    publication: Publication,
) -> Dataset:
    """Writes manifest and TFDS metadata from the reports of all shards.

    Args:
      publication: what the cards say; without a licence in it they name the source's terms.

    Raises:
      TintmillError: an empty split, too many rejects, reports of different embedders, or (in a bucket) another run has
        taken the folder or published something else since `claim`.
    """
    manifest = make_manifest(plan, reports)
    _check_rejects(plan, manifest, max_reject_fraction)
    _check_splits(plan, manifest)
    write_manifest(plan, claim, manifest.to_text())
    _write_indexes(plan, manifest, reports)
    made = Dataset(plan.folder, manifest)
    source = SOURCES[plan.settings.source]
    publication = dataclasses.replace(publication, license=publication.license or source.terms)
    import_tensorflow()
    files.write(
        plan.path(CROISSANT),
        json.dumps(croissant.make_card(manifest, publication), indent=1, ensure_ascii=False) + "\n",
    )
    files.write(plan.path(CONTACT_SHEET), contact_sheet.draw(made))
    _write_tfds_metadata(plan, manifest, publication)
    for folder in (plan.folder, *map(plan.path, (REPORTS, REJECTS, INDEX))):
        files.remove_leftovers(folder)
    return made


def _write_indexes(plan: Plan, manifest: Manifest, reports: list[ShardReport]) -> None:
    """One for each split. A split with an early report gets none: who reads it makes one."""
    files.make_folder(plan.path(INDEX))
    for split in manifest.splits:
        places = [report.places for report in reports if report.split == split]
        if None not in places:
            entries = [entry for entry in manifest.shards if entry.split == split]
            files.write(plan.path(INDEX, name_index(split)), make_index(entries, list(map(unpack_places, places))))


def write_manifest(plan: Plan, claim: Claim, text: str) -> None:
    """Publishes the text of the manifest.

    Raises:
      TintmillError: in a bucket, another run has taken the folder or published something else since `claim`.
    """
    if files.generation(plan.path(PLAN)) != claim.plan:
        raise TintmillError(
            f"{plan.path(PLAN)} was deleted or written since this run began; run the same command again"
        )
    try:
        files.write(plan.path(MANIFEST), text, claim.manifest)
    except FileExistsError as error:
        raise TintmillError(
            f"{plan.path(MANIFEST)} was published by another run since this one began, and is another dataset's; give "
            "another --version or --output"
        ) from error


def make_manifest(plan: Plan, reports: list[ShardReport]) -> Manifest:
    """The manifest; a pure function of plan and reports.

    Raises:
      TintmillError: reports of different embedders.
    """
    embedders = [report.embedder for report in reports]
    if any(embedder != embedders[0] for embedder in embedders):
        raise TintmillError(f"{plan.folder}: shards were embedded by different networks; delete it and prepare again")
    totals = sum_reports(reports, [split for split, _ in plan.counts], plan.settings.size)
    embedder = embedders[0] and dataclasses.replace(embedders[0], weights_path=plan.settings.embedder.weights)
    return Manifest(
        settings=plan.settings,
        fingerprint=plan.fingerprint,
        source=InputSource(plan.settings.source, plan.input, plan.inputs),
        split_rule=plan.split_rule,
        versions=dict(plan.versions),
        class_names=plan.class_names,
        attribute_names=plan.attribute_names,
        splits=totals.splits,
        shards=tuple(_make_entry(report) for report in reports),
        pictures=totals.pictures,
        ab_histogram=totals.ab_histogram,
        mean_ab=totals.mean_ab,
        mean_chroma=totals.mean_chroma,
        embedding_from="record" if SOURCES[plan.settings.source].read_taken_over else "original",
        encoding_fidelity=_encoding_fidelity(plan, totals.encoding_fidelity),
        embedder=embedder,
    )


def _make_entry(report: ShardReport) -> ShardEntry:
    return ShardEntry(**{field.name: getattr(report, field.name) for field in dataclasses.fields(ShardEntry)})


def _check_rejects(plan: Plan, manifest: Manifest, allowed: float) -> None:
    rejected = {code: n for code, n in manifest.pictures.rejected.items() if code not in photo.FILTERS}
    read = manifest.pictures.read
    share = sum(rejected.values()) / max(1, read)
    if share > allowed:
        leading = sorted(rejected.items(), key=lambda item: -item[1])
        reasons = "; ".join(f"{n} {code} ({photo.REASONS[code]})" for code, n in leading[:4])
        raise TintmillError(
            f"{sum(rejected.values())} of {read} files were rejected, {share:.1%}, allowed are {allowed:.1%} "
            f"(--max_reject_fraction): {reasons}; see {plan.path(REJECTS)}"
        )


def _check_splits(plan: Plan, manifest: Manifest) -> None:
    for split, records in manifest.splits.items():
        if not records:
            rejected = manifest.pictures.rejected
            raise TintmillError(
                f"split {split!r} is empty: {dict(plan.counts)[split]} of {manifest.pictures.read} files fell to "
                f"it, none was kept (rejected in all: {rejected}); give more pictures or other --splits"
            )


def _write_tfds_metadata(plan: Plan, manifest: Manifest, publication: Publication) -> None:
    import tensorflow_datasets as tfds

    settings = plan.settings
    dimension = manifest.embedder.dimension if manifest.embedder else None
    with tempfile.TemporaryDirectory() as folder:
        identity = tfds.core.DatasetIdentity(
            name=settings.name, version=settings.version, data_dir=folder, module_name=""
        )
        info = tfds.core.DatasetInfo(
            builder=identity,
            description=f"Lab records of {settings.size}x{settings.size} pictures, encoding {settings.encoding}.",
            features=record.features(settings, plan.class_names, dimension, plan.attribute_names),
            homepage=publication.url or None,
            citation=publication.citation or None,
            license=publication.license or None,
        )
        info.set_file_format("tfrecord")
        info.set_splits(tfds.core.SplitDict([_split_info(tfds, plan, manifest, folder, s) for s in manifest.splits]))
        info.write_to_directory(folder)
        names = sorted(os.listdir(folder), key=lambda name: (name == DATASET_INFO, name))
        for name in names:
            files.write(plan.path(name), files.read(os.path.join(folder, name)))


def _split_info(tfds, plan: Plan, manifest: Manifest, folder: str, split: str):
    entries = [entry for entry in manifest.shards if entry.split == split]
    template = tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=plan.settings.name, split=split, filetype_suffix="tfrecord"
    )
    return tfds.core.SplitInfo(
        name=split,
        shard_lengths=[entry.records for entry in entries],
        num_bytes=sum(entry.bytes for entry in entries),
        filename_template=template,
    )


def _encoding_fidelity(plan: Plan, measured: dict[str, EncodingFidelity]) -> dict[str, EncodingFidelity]:
    read = SOURCES[plan.settings.source].read_taken_over
    return read(plan.input).encoding_fidelity if read else measured  # what is taken over was encoded long ago
