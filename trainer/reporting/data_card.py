"""What a dataset is, from its manifest, as (term, text) pairs for a page."""

from tintmill.pipeline.dataset.identity import EmbedderIdentity
from tintmill.pipeline.dataset.manifest import EncodingFidelity, Manifest
from tintmill.pipeline.imaging import photo


def describe(manifest: Manifest) -> list[tuple[str, str]]:
    """The card of the dataset that `manifest`, a run's dataset.json, is of."""
    settings, pictures = manifest.settings, manifest.pictures
    splits = ", ".join(f"{split} {records:,}" for split, records in manifest.splits.items())
    versions = ", ".join(f"{library} {version}" for library, version in manifest.versions.items())
    return [
        ("name", f"{settings.name} {settings.version}"),
        ("source", f"{manifest.source.kind}: {manifest.source.input}"),
        ("pictures", f"{pictures.kept:,} kept of {pictures.read:,}"),
        ("left out", _describe_rejects(pictures.rejected)),
        ("splits", f"{splits}; {manifest.split_rule}"),
        ("records", f"{settings.size}x{settings.size} by {settings.fit}, {settings.encoding}"),
        ("embedder", _describe_embedder(manifest.embedder)),
        ("mean a*, b*", "{:.2f}, {:.2f}".format(*manifest.mean_ab)),
        ("mean chroma", f"{manifest.mean_chroma:.2f}"),
        ("cost of the encoding", _describe_fidelity(manifest.encoding_fidelity)),
        ("fingerprint", manifest.fingerprint),
        ("prepared with", versions),
    ]


def _describe_rejects(rejected: dict[str, int]) -> str:
    return "; ".join(f"{count:,} {code}: {photo.REASONS.get(code, code)}" for code, count in rejected.items()) or "none"


def _describe_embedder(embedder: EmbedderIdentity | None) -> str:
    if not embedder:
        return "none"
    return (
        f"{embedder.name}, {embedder.layer} [{embedder.dimension}], weights {embedder.weights} "
        f"(sha256 {embedder.weights_sha256[:16]})"
    )


def _describe_fidelity(measured: dict[str, EncodingFidelity]) -> str:
    """Of a split none of whose pictures was measured nothing is said."""
    return "; ".join(
        f"{split} CIEDE2000 {means.ciede2000:.2f}, SSIM {means.ssim:.4f} over {means.pictures} pictures"
        for split, means in measured.items()
        if means.pictures
    )
