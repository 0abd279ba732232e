"""The checks of `tintmill doctor`. None of them imports TensorFlow, writes a file or asks the network."""

import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Iterator

import tintmill
from tintmill.model.builtin import catalogue
from tintmill.pipeline.common import extras, nvidia
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.networks import NETWORKS

_GB = 1e9


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that works here or does not.

    Attributes:
      what: what it is for.
      works: True or False; None where it is neither a success nor a failure, as an extra that nobody has installed.
      found: what is there.
      remedy: what to type or do where it does not work.
    """

    what: str
    works: bool | None
    found: str
    remedy: str = ""


def check_tintmill() -> Iterator[Finding]:
    system = f"Python {platform.python_version()}, {platform.platform()}"
    yield Finding("Tintmill", None, f"{tintmill.__version__}, {system}")


def check_models() -> Iterator[Finding]:
    """The models that are known by name, each compared with its sha256."""
    try:
        known = catalogue.list_models()
    except TintmillError as error:
        yield Finding("models", False, str(error), "install Tintmill again")
        return
    if catalogue.DEFAULT not in [model.name for model in known]:
        yield Finding("colorize, web", False, "no default model is there", "install Tintmill again")
    for model in known:
        what = "colorize, web" if model.name == catalogue.DEFAULT else f"--model={model.name}"
        try:
            model.check()
            place = "built in" if model.is_built_in else model.folder
            yield Finding(what, True, f"model {model.name} {model.version}, {place}")
        except TintmillError as error:
            yield Finding(what, False, str(error), model.remedy)


def check_extras() -> Iterator[Finding]:
    """For each extra, the packages that it installs."""
    for extra in dict.fromkeys(extras.EXTRA_OF.values()):
        modules = [module for module, name in extras.EXTRA_OF.items() if name == extra]
        missing = [module for module in modules if not _is_installed(module)]
        if missing:
            yield Finding(extra, None, f"not installed: {', '.join(missing)}", extras.install_line(extra))
        else:
            found = ", ".join(filter(None, map(_describe_package, modules)))
            yield Finding(extra, True, found or "installed")


def check_machine() -> Iterator[Finding]:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GB
    free = shutil.disk_usage(os.getcwd()).free / _GB
    cores = len(os.sched_getaffinity(0))
    yield Finding("machine", None, f"{cores} CPU cores, {pages:.0f} GB of memory, {free:.0f} GB free in this folder")


def check_gpu() -> Iterator[Finding]:
    """NVIDIA's devices, and the CUDA packages that TensorFlow needs to use them."""
    devices = nvidia.list_devices()
    if not devices:
        yield Finding("GPU", None, "no NVIDIA device: training and embedding run on the CPU")
        return
    if not shutil.which("nvidia-smi"):
        yield Finding("GPU", False, f"{', '.join(devices)}, and no nvidia-smi on PATH", "install NVIDIA's driver")
    elif not _is_installed("nvidia.cudnn"):
        yield Finding("GPU", False, f"{', '.join(devices)}, without the CUDA packages", extras.install_line("gpu"))
    else:
        yield Finding("GPU", True, ", ".join(devices))


def check_weights() -> Iterator[Finding]:
    """Embedders' ImageNet weights where Keras keeps what it has downloaded."""
    folder = os.path.join(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "models")
    kept = os.listdir(folder) if os.path.isdir(folder) else []
    for name in NETWORKS:
        if any(file.startswith(name) for file in kept):
            yield Finding(f"embedder {name}", True, f"its weights are in {folder}")
        else:
            remedy = "give --embedder_weights=FILE; else `tintmill prepare` downloads them"
            yield Finding(f"embedder {name}", None, f"no weights in {folder}", remedy)


def check_programs() -> Iterator[Finding]:
    """Programs that parts of Tintmill and of its tests start."""
    wanted = {"java": "cluster", "mvn": "cluster", "sbatch": "launch --target=slurm", "chromium": "tests of pages"}
    for program, use in wanted.items():
        path = shutil.which(program)
        yield Finding(f"{use}: {program}", bool(path) or None, path or "not on PATH")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    check_tintmill,
    check_machine,
    check_gpu,
    check_models,
    check_extras,
    check_weights,
    check_programs,
)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that would hold it
        return False


def _describe_package(module: str) -> str:
    """Name and version of the distribution of a top-level module; empty where several share its name."""
    names = importlib.metadata.packages_distributions().get(module, [])
    return f"{names[0]} {importlib.metadata.version(names[0])}" if len(names) == 1 else ""
