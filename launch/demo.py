"""The whole way on a handful of photographs: prepare, verify, train, evaluate, colorize, report.

    tintmill demo                   the photographs that come inside scikit-image and scikit-learn
    tintmill demo --photos=DIR      your own

Everything goes to demo/ (see --output), which is made anew each time. On two cores it takes about five minutes.
"""

import os
import shutil
import subprocess
import sys

from absl import flags

from tintmill.launch.experiments.subcommand import preset, tintmill
from tintmill.pipeline.common import command, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run.folder import RunFolder

FLAGS = flags.FlagValues()
flags.DEFINE_string("photos", "", "Folder of your own photographs.", flag_values=FLAGS)
flags.DEFINE_string("output", "demo", "Folder for all of it.", flag_values=FLAGS)
flags.DEFINE_string(
    "embedder_weights", "", "imagenet, random or a file; by default what can be had.", flag_values=FLAGS
)

_ENOUGH_TO_SPLIT = 40  # with fewer pictures a test split of a tenth says nothing
_MOST = 400  # pictures of one's own: more would take more than the demo's minutes
_SKIMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
_SKLEARN = ("china.jpg", "flower.jpg")


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    folder = os.path.abspath(FLAGS.output)
    weights = FLAGS.embedder_weights or available_weights()
    photos, crops = own_photos(FLAGS.photos) if FLAGS.photos else bundled_photos(_fresh(folder, "photos"))
    splits, split = choose_splits(crops)
    _fresh(folder, "datasets"), _fresh(folder, "run"), _fresh(folder, "coloured")
    data, run, coloured = (os.path.join(folder, *p) for p in (("datasets", "demo", "1.0.0"), ("run",), ("coloured",)))

    tintmill(
        "prepare",
        preset("demo_prepare"),
        f"--input={crops}",
        f"--output={folder}/datasets",
        f"--splits={splits}",
        f"--limit={_MOST}",
        f"--embedder_weights={weights}",
    )
    tintmill("verify", data)
    tintmill("train", preset("demo_train"), f"--data={data}", f"--run={run}")
    tintmill("evaluate", f"--run={run}", f"--data={data}", f"--split={split}")
    tintmill("colorize", f"--run={run}", f"--output={coloured}", photos)
    tintmill("report", run)
    print(f"\nReport:            {RunFolder(run).report_file}\nColoured pictures: {coloured}")


def available_weights() -> str:
    """`imagenet` where Keras has Inception-ResNet-v2's weights or can download them, else `random`, said aloud."""
    program = (
        "import socket; socket.setdefaulttimeout(30)\n"
        "from tintmill.pipeline.common.tensorflow import import_tensorflow; import_tensorflow()\n"
        "import keras; keras.applications.InceptionResNetV2(weights='imagenet')"
    )
    print("Looking for the ImageNet weights of Inception-ResNet-v2 (215 MB, downloaded once) ...", flush=True)
    found = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if found.returncode == 0:
        return "imagenet"
    reason = found.stderr.strip().splitlines()[-1] if found.stderr.strip() else f"exit code {found.returncode}"
    print(f"NOTE: they cannot be had here ({reason.split(' on ')[0]}): RANDOM WEIGHTS stand in for the embedder.")
    print("      The report and the dataset's manifest say so too. The network can still learn from L* alone.")
    return "random"


def own_photos(folder: str) -> tuple[str, str]:
    """The reader's folder, twice: what is coloured is what is prepared."""
    if not os.path.isdir(folder):
        raise TintmillError(f"--photos={folder}: wanted a folder of photographs")
    return os.path.abspath(folder), os.path.abspath(folder)


def bundled_photos(folder: str) -> tuple[str, str]:
    """Copies the libraries' photographs to `folder`/whole and three crops of each to `folder`/crops."""
    import skimage
    import sklearn
    from PIL import Image

    sources = [os.path.join(os.path.dirname(skimage.__file__), "data", name) for name in _SKIMAGE]
    sources += [os.path.join(os.path.dirname(sklearn.__file__), "datasets", "images", name) for name in _SKLEARN]
    whole, crops = os.path.join(folder, "whole"), os.path.join(folder, "crops")
    os.makedirs(whole)
    os.makedirs(crops)
    for source in sources:
        shutil.copy(source, whole)
        name = os.path.splitext(os.path.basename(source))[0]
        with Image.open(source) as image:
            for number, box in enumerate(crop_boxes(*image.size)):
                image.convert("RGB").crop(box).save(os.path.join(crops, f"{name}_{number}.png"))
    return whole, crops


def crop_boxes(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """The largest centred square, and the squares of three quarters of it in two opposite corners."""
    side = min(width, height)
    part = side * 3 // 4
    left, top = (width - side) // 2, (height - side) // 2
    return [
        (left, top, left + side, top + side),
        (left, top, left + part, top + part),
        (left + side - part, top + side - part, left + side, top + side),
    ]


def choose_splits(folder: str) -> tuple[str, str]:
    """(--splits, the split to score on): with few pictures all train, and the score is an overfitting check."""
    if sum(1 for _ in files.list_files(folder)) < _ENOUGH_TO_SPLIT:
        return "train:1", "train"
    return "train:0.9,test:0.1", "test"


def _fresh(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    if os.path.exists(path):
        shutil.rmtree(path)
    return path


def run_command(argv: list[str]) -> int:
    return command.run("demo", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
