"""Colouring files: time of a large one against what cannot be saved, its memory, colours that bleed, and sizes.

The network is `tint` with random weights but for the sizes, where it is trained for a few minutes: cost does not depend
on weights. Photographs are enlarged, with a grain, for want of large ones.
"""

import dataclasses
import io
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tests.bench.common import in_turns, photographs, prepare
from tintmill.model.files import colour_file, picture_file
from tintmill.model.painting import finish
from tintmill.model.prediction import size_stability
from tintmill.model.prediction.prediction import Prediction
from tintmill.pipeline.dataset.settings import EmbedderSettings
from tintmill.pipeline.imaging import lab, photo

SIZE = 224
LIMITS = photo.Limits(max_pixels=200_000_000)
LARGE, HUGE = (4000, 3000), (12_000, 8_400)
STEPS, TRAINED_SIZE = 400, 64
EMBEDDER = ("--embedder=mobilenet_v2", "--embedder_weights=random", "--max_reject_fraction=0.2")


def main() -> None:
    print_times()
    print_repeats()
    print_memory()
    print_bleeding()
    print_sizes()


# Time


def print_times() -> None:
    picture = large_photograph(LARGE)
    for colorizer in (load_colorizer(), load_colorizer("koalarization", "inception_resnet_v2")):
        for name, image, kind in (
            ("grey JPEG", picture.convert("L"), "JPEG"),
            ("colour JPEG", picture, "JPEG"),
            ("colour JPEG, guided", picture, "JPEG"),
            ("grey PNG", picture.convert("L"), "PNG"),
        ):
            options = colour_file.Options(upsample="guided" if name.endswith("guided") else "bilinear")
            print_time(f"{colorizer.network.name}, {name}", encoded(image, kind), Truth(colorizer, picture), options)


class Truth:
    """A colorizer whose network is asked, but whose answer is the truth: one of random weights is outside sRGB."""

    has_bins = False

    def __init__(self, colorizer, image: Image.Image):
        self._colorizer = colorizer
        small = np.asarray(image.resize(colorizer._working_size(image.size), Image.Resampling.BOX))
        self.prediction = Prediction(lab.rgb_to_lab(small)[..., 1:], None)
        self._inputs, self._view = colorizer._inputs(image.convert("L")), np.zeros((1, 299, 299), np.uint8)

    def forward(self) -> None:
        """The networks alone, on inputs that are ready."""
        self._colorizer._embedder(self._view)
        self._colorizer.network(self._inputs, training=False)

    def predict(self, grey: Image.Image, temperature: float | None) -> Prediction:
        self._colorizer.predict(grey, temperature)
        return self.prediction


def print_time(name: str, data: bytes, truth: Truth, options: colour_file.Options) -> None:
    """The whole against forward pass, reading and writing, each alone and in turns."""
    picture = picture_file.read(data, LIMITS)
    painted = finish.paint(picture.pixels, truth.prediction.ab)
    works = (
        lambda: colour_file.colour_bytes(data, truth, options, LIMITS, {"model": "bench"}),
        truth.forward,
        lambda: np.asarray(Image.open(io.BytesIO(data))),
        lambda: picture_file.write(picture, painted, options.quality, b"<x/>"),
    )
    for unit, clock in (("CPU-s", time.process_time), ("s", time.perf_counter)):
        turns = in_turns(*map(once, works), clock=clock)
        whole, forward, reading, writing = (statistics.median(costs) for costs in zip(*turns, strict=True))
        share = whole / (forward + reading + writing)
        parts = f"forward {forward:.2f}, reading {reading:.2f}, writing {writing:.2f}"
        print(f"{name:<44} of 12 MP: {whole:5.2f} {unit}, {share:.2f} times the sum of {parts}", flush=True)


def print_repeats() -> None:
    """The network alone, as it is called and compiled, in turns."""
    from tintmill.model.prediction.forward import Forward

    for name in ("tint", "koalarization", "vgg", "iizuka"):
        network = load_colorizer(name).network
        inputs = {"l": np.zeros((1, SIZE, SIZE, 1), np.float32), "embedding": np.zeros((1, 1000), np.float32)}
        inputs = {key: inputs[key] for key in network.input}
        compiled = Forward(network)
        for _ in range(3):
            compiled(inputs)
        works = (once(lambda n=network, i=inputs: n(i, training=False)), once(lambda f=compiled, i=inputs: f(i)))
        called, again = map(statistics.median, zip(*in_turns(*works, clock=time.perf_counter), strict=True))
        print(f"{name:<14} at {SIZE}x{SIZE}: as called {called:.3f} s, compiled {again:.3f} s", flush=True)


def once(work):
    def run() -> int:
        work()
        return 1

    return run


def load_colorizer(network: str = "tint", embedder: str | None = None):
    """A network of random weights; without embedder the embedding costs nothing, and cannot hide what the rest does."""
    from tintmill.pipeline.common.tensorflow import import_tensorflow

    import_tensorflow()
    from tintmill.model.blocks.spec import NetworkSpec
    from tintmill.model.networks import registry as networks
    from tintmill.model.prediction.colorizer import Colorizer
    from tintmill.pipeline.dataset import embed

    found = embed.Embedder(EmbedderSettings(embedder, weights="random"), batch=1) if embedder else ZeroEmbedder()
    return Colorizer(networks.build(network, NetworkSpec(1000, encoder_weights="random")), found, SIZE, "crop")


class ZeroEmbedder:
    settings = EmbedderSettings("mobilenet_v2")

    def __call__(self, views: np.ndarray) -> np.ndarray:
        return np.zeros((len(views), 1000), np.float16)


def large_photograph(size: tuple[int, int]) -> Image.Image:
    """A photograph enlarged, with the grain of a film, so that a file of it is as large as such files are."""
    with Image.open(photographs()[0]) as image:
        pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).normal(0, 4, (997, 1009, 1)).astype(np.float32)
    result = np.empty_like(pixels)
    for row in range(0, size[1], 997):  # in parts: the float copy of 100 megapixels is large
        part = pixels[row : row + 997]
        tiled = np.tile(grain, (1, part.shape[1] // 1009 + 1, 1))[: len(part), : part.shape[1]]
        result[row : row + 997] = np.clip(part + tiled, 0, 255)
    return Image.fromarray(result)


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {"compress_level": 1}))
    return buffer.getvalue()


# Memory


def print_memory() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("colour.jpg", "grey.jpg", "sideways.jpg", "colour.png", "deep.png", "deep.tif", "deep_alpha.png"):
            path = Path(folder, name)
            for work in (write_huge, peak_gib):  # a process each: a peak is its own
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    peak = pool.apply(work, (path,))
            print(f"{name:<15} of 101 MP: {peak:.2f} GiB at the peak, TensorFlow and network included", flush=True)
            path.unlink()


def write_huge(path: Path) -> None:
    image = large_photograph(HUGE)
    if path.stem.startswith("deep"):
        write_deep(path, np.asarray(image), "alpha" in path.stem)
        return
    exif = Image.Exif()
    exif[0x0112] = 6 if path.stem == "sideways" else 1
    image = image.convert("L") if path.stem == "grey" else image
    image.save(path, exif=exif)


def write_deep(path: Path, pixels: np.ndarray, alpha: bool) -> None:
    """16 bits, the lower eight as a scanner's noise: a file of them is hardly smaller than its pixels."""
    import imagecodecs
    import tifffile

    random = np.random.default_rng(0)
    deep = np.full((*pixels.shape[:2], 3 + alpha), 65535, np.uint16)
    for rows in finish.blocks(*pixels.shape[:2]):
        deep[rows, :, :3] = pixels[rows] * np.uint16(256) + random.integers(0, 256, pixels[rows].shape, np.uint16)
    if path.suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(deep, level=1))
    else:
        tifffile.imwrite(path, deep, photometric="rgb", compression="zlib", predictor=True)


def peak_gib(path: Path) -> float:
    colorizer = load_colorizer()
    colour_file.colour_bytes(path.read_bytes(), colorizer, colour_file.Options(), LIMITS, {"model": "bench"})
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


# Bleeding


def print_bleeding() -> None:
    """The truth's colours at a part of its resolution, scaled up both ways: how far from the truth."""
    pictures = [np.asarray(photo.decode(path.read_bytes(), photo.Limits())) for path in photographs()[:40]]
    for share in (4, 8):
        errors = {upsample: [bleeding(pixels, share, upsample) for pixels in pictures] for upsample in finish.UPSAMPLE}
        for upsample, found in errors.items():
            overall, edges = np.mean(found, axis=0)
            print(f"colours at 1/{share}, {upsample:<9} CIEDE2000 {overall:.3f}, near edges {edges:.3f}", flush=True)


def bleeding(pixels: np.ndarray, share: int, upsample: str) -> tuple[float, float]:
    """Mean CIEDE2000 over all pixels, and over the tenth with the steepest L*."""
    from scipy.ndimage import gaussian_gradient_magnitude
    from skimage.color import deltaE_ciede2000

    truth = lab.rgb_to_lab(pixels)
    height, width = (max(1, length // share) for length in pixels.shape[:2])
    small = finish.resize(truth[..., 1:].transpose(2, 0, 1), width, height).transpose(1, 2, 0)
    painted = finish.paint(lab.to_grey(pixels), small, 1.0, upsample)
    difference = deltaE_ciede2000(truth, lab.rgb_to_lab(painted))
    steepness = gaussian_gradient_magnitude(truth[..., 0], 1.0)
    return difference.mean(), difference[steepness >= np.quantile(steepness, 0.9)].mean()


# Sizes


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    colorizer: object


def print_sizes() -> None:
    """A network of few steps, with its working size and run at the size of the picture."""
    with tempfile.TemporaryDirectory() as folder:
        data = prepare(Path(folder), *EMBEDDER, f"--size={TRAINED_SIZE}")
        command = [sys.executable, "-m", "tintmill.launch.cli", "train", f"--data={data}", f"--run={folder}/run"]
        command += ["--network=tint", "--encoder_weights=random", f"--steps={STEPS}", "--global_batch=16"]
        subprocess.run(command, check=True, capture_output=True, env=os.environ)
        from tintmill.model.prediction import colorizer as colorizers

        loaded = colorizers.load(f"{folder}/run")
        for way in (Way("working size", loaded), Way("given size", size_stability.AtGivenSize(loaded))):
            print_stability(way)


def print_stability(way: Way) -> None:
    pictures = [photo.decode(path.read_bytes(), photo.Limits()) for path in photographs()]
    sizes = (64, 128, 256)
    found = [size_stability.compare_sizes(way.colorizer, picture, sizes)["ciede2000"] for picture in pictures[:40]]
    found = np.array([differences for differences in found if len(differences) == 2])
    means = ", ".join(f"{size}: {mean:.2f}" for size, mean in zip(sizes[1:], found.mean(axis=0), strict=True))
    print(f"{way.name}: CIEDE2000 from the colours at {sizes[0]}: {means} ({len(found)} pictures)", flush=True)


if __name__ == "__main__":
    main()
