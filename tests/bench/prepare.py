"""prepare: CPU-seconds a picture by stage, without and with the embedding, against the bare forward pass."""

import dataclasses
import os
import statistics
import tempfile
from pathlib import Path

import numpy as np

from tests.bench.common import cpu_seconds, in_turns, photographs, prepare
from tintmill.pipeline.common import files
from tintmill.pipeline.dataset import embed, record
from tintmill.pipeline.dataset.settings import EmbedderSettings, Settings
from tintmill.pipeline.imaging import lab, photo
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards import build, picture
from tintmill.pipeline.shards.plan import Plan, list_versions

EMBEDDER = EmbedderSettings("inception_resnet_v2", "logits", "random")


def main() -> None:
    references = [
        Reference(p.name + str(i), str(p), p.stat().st_size, p.stat().st_mtime) for i, p in enumerate(photographs())
    ]
    with tempfile.TemporaryDirectory() as folder:
        plain = make_plan(Settings("bench", embedder=None, splits=(("train", 1.0),), drop_grey=False), folder)
        measure_stages(plain, references)
        measure_shard(plain, references)
        measure_command(len(references))
        measure_embedding(dataclasses.replace(plain.settings, embedder=EMBEDDER), folder, references)


def make_plan(settings: Settings, folder: str) -> Plan:
    counts = (("train", 1),)
    return Plan(settings, folder, folder, (), counts, (), "", None, list_versions())


def measure_stages(plan: Plan, references: list[Reference]) -> None:
    settings = plan.settings
    data = [files.read(r.path) for r in references]
    images = [photo.decode(d, settings.limits) for d in data]
    squares = [photo.fit(image, settings.size, settings.fit) for image in images]
    labs = [lab.rgb_to_lab(square) for square in squares]
    packed = [lab.pack(values, settings.encoding) for values in labs]
    encode = record.encoder(record.features(settings, (), None))
    examples = [{"id": r.id, "lab": p, "height": 1, "width": 1} for r, p in zip(references, packed, strict=True)]
    records = [encode(example) for example in examples]
    stages = {
        "decode": lambda: [photo.decode(d, settings.limits) for d in data],
        "resize": lambda: [photo.fit(image, settings.size, settings.fit) for image in images],
        "sRGB to Lab": lambda: [lab.rgb_to_lab(square) for square in squares],
        "pack": lambda: [lab.pack(values, settings.encoding) for values in labs],
        "serialise": lambda: [encode(example) for example in examples],
        "frame": lambda: [record.frame(r) for r in records],
    }
    for name, work in stages.items():
        print(f"{name:<34}{1e3 * cpu_seconds(lambda work=work: len(work())):9.2f} CPU-ms a picture")
    print(f"{'bytes a record, no embedding':<34}{np.mean([len(record.frame(r)) for r in records]):12,.0f}")
    for encoding in lab.ENCODINGS:
        print(f"{f'bytes, {encoding}, 1536-vector':<34}{mean_bytes(settings, encoding, references, labs):12,.0f}")


def mean_bytes(settings: Settings, encoding: str, references: list[Reference], labs: list[np.ndarray]) -> float:
    settings = dataclasses.replace(settings, encoding=encoding, embedder=EMBEDDER)
    encode = record.encoder(record.features(settings, (), 1536))
    sizes = []
    for reference, values in zip(references, labs, strict=True):
        stored = record.stored_lab(lab.pack(values, encoding), encoding)
        example = {"id": reference.id, "lab": stored, "height": 1, "width": 1, "embedding": np.zeros(1536, np.float16)}
        sizes.append(len(record.frame(encode(example))))
    return float(np.mean(sizes))


def measure_shard(plan: Plan, references: list[Reference]) -> None:
    settings, side = plan.settings, picture.decoded_side(plan.settings)

    def decode_and_resize() -> int:
        for reference in references:
            image, _ = photo.decode_reduced(files.read(reference.path), settings.limits, side)
            photo.fit(image, settings.size, settings.fit)
        return len(references)

    pairs = in_turns(decode_and_resize, lambda: build_anew(plan, references))
    least, whole = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    beyond = 1e3 * statistics.median(build - bare for bare, build in pairs)
    print(f"{'read, decode and resize':<34}{least:9.2f} CPU-ms a picture")
    print(f"{'shard without embedding':<34}{whole:9.2f} CPU-ms a picture, {1e3 / whole:.1f} pictures a CPU-s")
    print(f"{'of it beyond decode and resize':<34}{beyond:9.2f} CPU-ms a picture")


def measure_command(pictures: int) -> None:
    before = os.times()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), "--embedder=none", "--workers=1", "--max_reject_fraction=0.2")
    after = os.times()
    seconds = after.children_user - before.children_user + after.children_system - before.children_system
    print(f"{'the whole command, 1 worker':<34}{seconds:9.2f} CPU-s for {pictures} pictures, start-up included")


def measure_embedding(settings: Settings, folder: str, references: list[Reference]) -> None:
    embed.limit_threads()
    plan = make_plan(settings, folder)
    embedder = embed.load(EMBEDDER)
    views = np.random.default_rng(0).integers(0, 256, (len(references), embedder.side, embedder.side), np.uint8)
    build_anew(plan, references)  # compiles, and computes the identity once
    pairs = in_turns(lambda: len(embedder(views)), lambda: build_anew(plan, references))
    bare, whole = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(forward / build for forward, build in pairs)
    print(f"{'bare forward pass, batch 8':<34}{bare:9.2f} CPU-ms a picture ({EMBEDDER.name}, 1 thread)")
    print(f"{'shard with embedding':<34}{whole:9.2f} CPU-ms a picture, {1e3 / whole:.2f} pictures a CPU-s")
    print(f"{'bare pass / shard':<34}{ratio:9.3f}")


def build_anew(plan: Plan, references: list[Reference]) -> int:
    Path(plan.report_path("train", 0)).unlink(missing_ok=True)
    for part in ("reports", "rejects"):
        files.make_folder(plan.path(part))
    report = build.build_shard(plan, "train", 0, references)
    return report["read"]


if __name__ == "__main__":
    main()
