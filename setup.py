"""Packaging of Tintmill. Versions: ranges here, exact and hash-pinned in requirements/ (`make lock`).

One package, `tintmill`, is installed. Its rooms are folders at the top of the repository.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOMS = ("pipeline", "model", "trainer", "launch")
DOOR = "launch/interface"  # what `import tintmill` imports
_INTERFACE = Path(__file__).parent.joinpath(DOOR, "__init__.py").read_text()
VERSION = re.search(r'__version__ = "(.+)"', _INTERFACE)[1]

# One line of reason each; what is not listed here is not imported.
# What colours pictures: colorize, web, and evaluate on files.
REQUIRES = [
    "absl-py>=2.1,<3",  # flags and logging of every command
    "google-crc32c>=1.6,<2",  # TFRecord checksums in C (BSD-like, by Google)
    "h11>=0.16,<1",  # uvicorn's reader of HTTP; the limits on clients stand on the class that uses it (MIT)
    "imagecodecs>=2026.1,<2027",  # 16-bit PNG, and ICC profiles of 16-bit pictures (BSD, 26 MB); TIFF's compressions
    "jinja2>=3.1,<4",  # pages, report.html, model cards
    "numba>=0.65,<0.69",  # compiles the loops that paint: five times as fast as NumPy's passes over memory (BSD, 64 MB)
    "numpy>=2.1,<2.5",
    "onnxruntime>=1.22,<2",  # runs the built-in model, and exported ONNX files (MIT): TensorFlow takes 13 s to import
    "pillow>=12.1.1,<13",  # decode and resize; its bytes are part of a dataset's fingerprint
    "protobuf>=5,<8",  # records are messages of it; onnxruntime brings it (BSD)
    "pyyaml>=6,<7",  # job files for Kubernetes and Vertex AI, headers of model cards
    "scikit-image>=0.25,<0.27",  # reference for Lab, SSIM and CIEDE2000
    "scipy>=1.15,<2",  # the box filter of --upsample=guided; the tests' reference for intervals and distances
    "starlette>=1.0,<2",  # the pages of web and study (BSD); with uvicorn five packages, where Gradio brings 33
    "tifffile>=2026.1,<2027",  # TIFF of 16-bit colours, which Pillow neither reads nor writes
    "tqdm>=4.66,<5",  # progress lines
    "uvicorn>=0.40,<1",  # serves the pages (BSD)
]
CLOUD = [
    "google-cloud-storage>=3.1,<4",  # gs:// input, output and stage-in
]
NETWORKS = [
    "keras>=3.15,<3.16",  # networks; checkpoints depend on its variable order
    "tensorflow>=2.21,<2.22",
]
PREPARE = [
    *CLOUD,
    *NETWORKS,  # the embedders
    "apache-beam>=2.77,<2.78",  # prepare runs on it; its runners' behaviour is measured per release
    "tensorflow-datasets>=4.9.10,<4.10",  # the dataset directory is its format
    "tfrecord>=1.14.6,<1.15",  # reads shards without TensorFlow (verify, peek)
]
TRAIN = [
    *CLOUD,
    *NETWORKS,
    "matplotlib>=3.9,<4",  # curves in the report
    "tensorboard>=2.20,<3",  # tf.summary.scalar lives in it
    "tfrecord>=1.14.6,<1.15",  # train checks what it reads as verify does
]
EXPORT = [
    *NETWORKS,
    "ai-edge-litert>=2.1,<3",  # runs .tflite files: TensorFlow's own runtime for them is being taken out of it
    "backports-strenum<1.3",  # ai-edge-litert wants it; later ones refuse Python 3.11, whose own StrEnum it copies
    "onnx>=1.19,<2",  # tf2onnx builds its messages with it; this range goes with TensorFlow's protobuf
    "tf2onnx>=1.17,<2",  # Keras' own way to ONNX; the first that takes NumPy 2 and protobuf 6
]
CONVERT = [
    "array-record>=0.8,<0.9",  # its files, as TFDS writes them (Apache-2.0; tensorflow-datasets brings it)
    "pyarrow>=18,<26",  # Parquet (Apache-2.0; apache-beam brings it)
]
# PyAV itself is BSD. Its wheels hold FFmpeg with x264 and x265, which are GPL: whoever passes on an image or a bundle
# with these wheels must keep the GPL's terms. Using them obliges to nothing.
VIDEO = [
    "av>=18,<19",  # colorize reads and writes videos
]
EXTRAS = {
    "all": [*PREPARE, *TRAIN, *EXPORT, *VIDEO, *CONVERT],
    "cloud": CLOUD,  # colorize on gs:// URLs
    "convert": CONVERT,  # tintmill convert to ArrayRecord and Parquet
    "dataflow": [*PREPARE, "apache-beam[gcp]>=2.77,<2.78"],  # prepare on Google Cloud Dataflow: its job request
    "demo": [*PREPARE, *TRAIN, "scikit-learn>=1.6,<2"],  # two of the demo's photographs come inside scikit-learn
    "export": EXPORT,  # tintmill export, and colouring with what it wrote
    "gpu": [*TRAIN, "tensorflow[and-cuda]>=2.21,<2.22"],
    "prepare": PREPARE,  # tintmill prepare, verify, peek
    "train": TRAIN,  # tintmill train, evaluate on datasets, report
    "video": VIDEO,  # colorize on videos
    "test": [
        *PREPARE,
        *TRAIN,
        *EXPORT,
        *VIDEO,
        *CONVERT,
        "hypothesis>=6.140,<7",  # makes the files that lie, for the tests of what reads them (MPL-2.0)
        "jax>=0.10,<0.11",  # the second Keras backend: networks and losses must run on more than TensorFlow
        "jsonschema>=4.23,<5",  # the schema of hints files, beside what reads them (MIT)
        "mlcroissant>=1.0,<2",  # validates the dataset card
        "playwright>=1.55,<2",  # drives the Chromium that is installed, for the tests of pages; downloads none
        "pytest>=8,<10",
        "pytest-xdist>=3.8,<4",  # two tests at a time: most of them wait for a process of one thread to start
        "ruff>=0.17,<0.18",
    ],
}


def packages() -> list[str]:
    """The rooms and their subpackages, by the names that they are imported by."""
    found = find_packages(include=[f"{room}*" for room in ROOMS], exclude=[DOOR.replace("/", ".")])
    return [f"tintmill.{package}" for package in found]


setup(
    name="tintmill",
    version=VERSION,
    license="Apache-2.0",
    license_files=["LICENSE"],
    description="Photographs to sharded Lab datasets, colorizers trained on them, pictures coloured with those",
    long_description=Path(__file__).parent.joinpath("README.md").read_text(),
    long_description_content_type="text/markdown",
    classifiers=[
        "Development Status :: 4 - Beta",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Topic :: Multimedia :: Graphics",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.11,<3.14",
    package_dir={"tintmill": DOOR} | {f"tintmill.{room}": room for room in ROOMS},
    packages=["tintmill", *packages()],
    package_data={
        "tintmill.launch.experiments": ["history/*.jpg", "presets/*.flags"],
        "tintmill.launch.jobs": ["*.jinja", "Containerfile"],
        "tintmill.launch.local_cluster": ["*.pom.xml", "*.sha256"],
        "tintmill.launch.pages.colouring": ["*.jinja", "static/*"],
        "tintmill.launch.pages.studies": ["*.jinja", "static/*"],
        "tintmill.model.builtin": ["*.onnx", "*.json", "*.card.md"],
        "tintmill.model.prediction": ["*.schema.json"],
        "tintmill.trainer.reporting": ["templates/*"],
    },
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tintmill=tintmill.launch.cli:main"]},
)
