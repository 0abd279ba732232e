"""The dataset's Croissant card: JSON-LD that dataset search engines and loaders read (mlcommons.org/croissant/1.0).

It describes the resources, each shard with its sha256. Croissant cannot address features inside TFRecords, so there is
no RecordSet; `features.json` says what a record holds.
"""

import dataclasses

from tintmill.pipeline.common import options
from tintmill.pipeline.common.options import Check, option
from tintmill.pipeline.dataset.manifest import Manifest, ShardEntry

_IS_URL = Check(lambda url: not url or url.startswith(("https://", "http://")), "https://..., where the dataset is")
_TERMS = "the terms of the pictures it was made from"
_PLACE = "https://example.org/the-place-where-this-dataset-is-published"


@dataclasses.dataclass(frozen=True)
class Publication:
    """What its publisher says of a dataset, for the cards; no byte of a shard depends on it."""

    license: str = option("", "Licence of the dataset, a name or URL; empty: the source's terms.", "Cards")
    url: str = option("", "Where the dataset is published.", "Cards", check=_IS_URL)
    citation: str = option("", "How the dataset is cited, as BibTeX or text.", "Cards")

    def __post_init__(self):
        options.check(self)


_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def make_card(manifest: Manifest, publication: Publication) -> dict:
    """The content of croissant.json."""
    settings = manifest.settings
    cited = {"citeAs": publication.citation} if publication.citation else {}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": settings.name,
        "version": settings.version,
        "description": _describe(manifest),
        "license": publication.license or _TERMS,
        "url": publication.url or _PLACE,
        **cited,
        "distribution": [_describe_file(entry) for entry in manifest.shards],
    }


def _describe(manifest: Manifest) -> str:
    settings, embedder = manifest.settings, manifest.embedder
    splits = ", ".join(f"{name} {records}" for name, records in manifest.splits.items())
    text = (
        f"CIELAB (D65) records of {settings.size}x{settings.size} photographs ({settings.fit}), encoding "
        f"{settings.encoding}, from source {manifest.source.kind}. Records: {splits}."
    )
    if embedder:
        text += f" Embeddings of the grey picture: {embedder.name} {embedder.layer}, weights {embedder.weights}."
    return text


def _describe_file(entry: ShardEntry) -> dict:
    return {
        "@type": "cr:FileObject",
        "@id": entry.file,
        "name": entry.file,
        "description": f"{entry.records} records of split {entry.split}, TFRecord of tf.train.Example",
        "contentUrl": entry.file,
        "contentSize": f"{entry.bytes} B",
        "encodingFormat": "application/x-tfrecord",
        "sha256": entry.sha256,
    }
