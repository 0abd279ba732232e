"""Manifests and reports of shards written by hand: for tests of what reads them."""

from tintmill.pipeline.dataset.identity import EmbedderIdentity
from tintmill.pipeline.dataset.manifest import Dataset, EncodingFidelity, InputSource, Manifest, PictureCounts
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.dataset.shard_report import ShardReport
from tintmill.pipeline.shards.plan import Plan


def make_identity(**changes) -> EmbedderIdentity:
    values = {"name": "mobilenet_v2", "layer": "logits", "weights": "random", "weights_sha256": "0" * 64}
    values |= {"preprocessing": "none", "side": 224, "dimension": 3, "golden_vector": (1.0, 2.0, 3.0)}
    return EmbedderIdentity(**values | changes)


def make_manifest(size: int = 48, fit: str = "crop", **changes) -> Manifest:
    """A manifest of 27 training and 12 validation pictures, without embeddings, classes and shards."""
    values = {
        "settings": Settings(name="toy", size=size, fit=fit, embedder=None),
        "fingerprint": "0123456789abcdef" * 4,
        "source": InputSource("folder", "/photos", "f" * 64),
        "split_rule": "all by hash",
        "versions": {"tintmill": "0.2.0", "pillow": "12.3.0"},
        "class_names": (),
        "attribute_names": (),
        "splits": {"train": 27, "val": 12},
        "shards": (),
        "pictures": PictureCounts(read=41, kept=39, rejected={"grey": 1, "not_a_picture": 1}),
        "ab_histogram": {"train": [1] * 313, "val": [1] * 313},
        "mean_ab": (5.5, 3.7),
        "mean_chroma": 48.8,
        "embedding_from": "original",
        "encoding_fidelity": {
            "train": EncodingFidelity(ciede2000=0.24, infinite_psnr=0, pictures=4, psnr=48.5, ssim=0.999),
            "val": EncodingFidelity(ciede2000=None, infinite_psnr=0, pictures=0, psnr=None, ssim=None),
        },
        "embedder": None,
    }
    return Manifest(**values | changes)


def make_dataset(folder: str = "/data/toy", **changes) -> Dataset:
    return Dataset(folder, make_manifest(**changes))


def make_shard_report(split: str, shard: int, **changes) -> ShardReport:
    """The report of a shard of five bytes, in which nothing is counted."""
    values = {
        "file": f"toy-{split}.tfrecord-{shard:05d}-of-99999",
        "split": split,
        "shard": shard,
        "bytes": 5,
        "records": 0,
        "sha256": "0" * 64,
        "crc32c": "0" * 8,
        "plan": "0" * 64,
    }
    values |= {"read": 0, "rejected": {}, "excluded": [], "listing": "0", "inputs": [], "pixels": []}
    values |= {
        "ab_histogram": [0] * 313,
        "ab_sums": {"a": 0.0, "b": 0.0, "chroma": 0.0},
        "encoding_fidelity": [],
        "embedder": None,
    }
    return ShardReport(**values | changes)


def make_report(plan: Plan, split: str, index: int, **changes) -> ShardReport:
    """The report that commits a shard of the plan."""
    file = plan.name_shard(split, index)
    return make_shard_report(split, index, file=file, plan=plan.fingerprint, **changes)
