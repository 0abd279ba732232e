"""What a manifest says of all shards together: it follows from plan.json and the shards' reports.

`prepare` sums the reports up. `verify` and `train` sum them up again, so that a manifest that says something else than
was done is not believed. No record is read for that; `checks` reads them.
"""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.identity import EmbedderIdentity
from tintmill.pipeline.dataset.manifest import (
    PLAN_KIND,
    SHARD_FIELDS,
    Dataset,
    EncodingFidelity,
    Manifest,
    PictureCounts,
    ShardEntry,
)
from tintmill.pipeline.dataset.names import MANIFEST, PLAN, REPORTS, name_report
from tintmill.pipeline.dataset.settings import fingerprint
from tintmill.pipeline.dataset.shard_report import ShardReport, read_report

_READERS = 8  # reports that are read at once from a bucket


@dataclasses.dataclass(frozen=True)
class Totals:
    """Sums over reports, under the names of the manifest's fields."""

    splits: dict[str, int]
    pictures: PictureCounts
    ab_histogram: dict[str, list[int]]
    mean_ab: tuple[float, float]
    mean_chroma: float
    encoding_fidelity: dict[str, EncodingFidelity]


def sum_reports(reports: Sequence[ShardReport], splits: Sequence[str], size: int) -> Totals:
    """The totals of all shards of a dataset.

    Args:
      size: side of the records in pixels.
    """
    records = sum(report.records for report in reports)
    pixels = max(1, records * size**2)
    of_split = {split: [report for report in reports if report.split == split] for split in splits}
    return Totals(
        splits={split: sum(report.records for report in found) for split, found in of_split.items()},
        pictures=PictureCounts(sum(report.read for report in reports), records, _sum_codes(reports)),
        ab_histogram={split: _sum_histograms(found) for split, found in of_split.items()},
        mean_ab=(_mean(reports, "a", pixels), _mean(reports, "b", pixels)),
        mean_chroma=_mean(reports, "chroma", pixels),
        encoding_fidelity={split: _mean_fidelity(found) for split, found in of_split.items()},
    )


def _sum_codes(reports: Sequence[ShardReport]) -> dict[str, int]:
    codes = sorted({code for report in reports for code in report.rejected})
    return {code: sum(report.rejected.get(code, 0) for report in reports) for code in codes}


def _sum_histograms(reports: Sequence[ShardReport]) -> list[int]:
    return np.sum([report.ab_histogram for report in reports], axis=0).tolist()


def _mean(reports: Sequence[ShardReport], key: str, pixels: int) -> float:
    return round(sum(report.ab_sums[key] for report in reports) / pixels, 6)


def _mean_fidelity(reports: Sequence[ShardReport]) -> EncodingFidelity:
    measured = [entry for report in reports for entry in report.encoding_fidelity]
    means = {}
    for key in ("psnr", "ssim", "ciede2000"):
        values = [entry[key] for entry in measured if entry[key] is not None]
        means[key] = float(np.mean(values)) if values else None
    infinite = sum(entry["psnr"] is None for entry in measured)
    return EncodingFidelity(pictures=len(measured), infinite_psnr=infinite, **means)


def find_defects(dataset: Dataset) -> Iterator[str]:
    """Every way in which the manifest is not what follows from plan.json and the reports, the file named first."""
    yield from _find_plan_defects(dataset)
    reports = []
    for found in _read_reports(dataset):
        if isinstance(found, str):
            yield found
        else:
            reports.append(found)
    if len(reports) == len(dataset.shards()):
        yield from _find_total_defects(dataset.manifest, reports)


def check(dataset: Dataset) -> None:
    """Refuses a manifest that is not what follows from plan.json and the reports.

    A copy of a dataset may have been made without these files. Where all of them are missing, a warning says that the
    manifest is taken at its word.

    Raises:
      TintmillError: naming the first defect.
    """
    if not files.exists(dataset.path(PLAN)) and not files.exists(dataset.path(REPORTS)):
        print(
            f"WARNING {dataset.folder}: neither {PLAN} nor {REPORTS}/ in it; what its {MANIFEST} says of the records "
            "is not checked",
            file=sys.stderr,
        )
        return
    for defect in find_defects(dataset):
        raise TintmillError(f"{dataset.folder} is damaged: {defect}; `tintmill verify` lists all of it")


def _find_plan_defects(dataset: Dataset) -> Iterator[str]:
    try:
        plan = checked_json.parse(files.read(dataset.path(PLAN), largest=checked_json.LARGEST), PLAN_KIND)
    except (OSError, ValueError) as error:  # what a bucket refuses, or does not answer, is no defect
        yield f"{PLAN}: missing or damaged ({error})"
        return
    manifest = dataset.manifest
    told = manifest.to_json()
    wanted = {
        "fingerprint": (manifest.fingerprint, fingerprint(plan)),
        "settings": (told["settings"], plan["settings"]),
        "versions": (manifest.versions, plan["versions"]),
        "class_names": (list(manifest.class_names), plan["class_names"]),
        "attribute_names": (list(manifest.attribute_names), plan.get("attribute_names", [])),
        "source.listing_sha256": (manifest.source.listing_sha256, plan["inputs"]),
        "the names of splits": (sorted(manifest.splits), sorted(plan["pictures"])),
        "pictures.read": (manifest.pictures.read, sum(plan["pictures"].values())),
    }
    yield from _list_differences(wanted, PLAN)


def _read_reports(dataset: Dataset) -> Iterator[ShardReport | str]:
    """The report of each shard, or what is wrong with it."""
    if not files.is_remote(dataset.folder):
        yield from (_read_checked(dataset, entry) for entry in dataset.shards())
        return
    with ThreadPoolExecutor(_READERS, "report") as pool:
        yield from pool.map(lambda entry: _read_checked(dataset, entry), dataset.shards())


def _read_checked(dataset: Dataset, entry: ShardEntry) -> ShardReport | str:
    name = f"{REPORTS}/{name_report(entry.split, entry.shard)}"
    try:
        report = read_report(dataset.path(REPORTS, name_report(entry.split, entry.shard)))
    except (OSError, ValueError) as error:
        return f"{name}: missing or damaged ({error})"
    pairs = {field: (getattr(entry, field), getattr(report, field)) for field in SHARD_FIELDS}
    pairs["plan"] = (dataset.manifest.fingerprint, report.plan)
    pairs["embedder"] = (_identify(dataset.embedder), _identify(report.embedder))
    pairs["pictures read"] = (report.records + sum(report.rejected.values()), report.read)
    differing = [field for field, (told, found) in pairs.items() if told != found]
    return f"{name}: its {', '.join(differing)} is not the manifest's" if differing else report


def _identify(embedder: EmbedderIdentity | None) -> EmbedderIdentity | None:
    """Without what is of a machine."""
    return embedder and dataclasses.replace(embedder, weights_path=None)


def _find_total_defects(manifest: Manifest, reports: list[ShardReport]) -> Iterator[str]:
    if manifest.ab_histogram is None or manifest.mean_chroma is None:
        return  # an early manifest, whose reports counted less
    totals = sum_reports(reports, list(manifest.splits), manifest.settings.size)
    fields = [field.name for field in dataclasses.fields(Totals)]
    if manifest.settings.source == "reuse_lab":
        fields.remove("encoding_fidelity")  # taken over with the records
    yield from _list_differences({name: (getattr(manifest, name), getattr(totals, name)) for name in fields}, REPORTS)


def _list_differences(pairs: dict[str, tuple], source: str) -> Iterator[str]:
    for field, (told, found) in pairs.items():
        if told != found:
            where = f"{source} say" if source == REPORTS else f"{source} says"
            yield f"{MANIFEST}: {field} is {checked_json.show(told)}, {where} {checked_json.show(found)}"
