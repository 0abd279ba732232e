"""Folders of true pictures as a source of scores: with other people's coloured versions of them, or coloured by a run.

Files are matched by their path below the folder without its extension (`a/1.jpg`, `a/1.jpeg` and `a/1.jpg.png` are
the same picture). What has no partner, cannot be read, or is of another size is named with its reason.

Pictures are scored with the L* that they came with; how far it is off is a column of its own. A file that shows
something else than its namesake is scored as a bad picture.
"""

import collections
import dataclasses
import os
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image
from tqdm import tqdm

from tintmill.model.output import log
from tintmill.model.prediction import size_stability
from tintmill.model.prediction.colorizer import Colorizer
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import ab_bins, lab, photo
from tintmill.pipeline.listing.reference import stable_text
from tintmill.trainer.evaluation.reveal import HINTS, reveal
from tintmill.trainer.evaluation.scoring import Example

_LIMITS = photo.Limits(min_side=32)  # below it SSIM's window and LPIPS' layers hold nothing
_EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".jp2", ".avif")
_SIZED = 24  # pictures whose colours are compared at several sizes
_NAMED = 3  # files that the card names of each reason; metrics.json names all


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A file that is not scored: the reason, which many files share, and a detail of this one."""

    file: str
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}{f' ({self.detail})' if self.detail else ''}"


class _Unusable(Exception):
    """A picture that cannot be scored; carries its `LeftOut`."""

    def __init__(self, file: str, reason: str, detail: str = ""):
        super().__init__(reason)
        self.left_out = LeftOut(file, reason, detail)


@dataclasses.dataclass(frozen=True)
class Pair:
    """A true picture and the coloured one; `name` is the truth's path below its folder."""

    name: str
    truth: str
    picture: str


@dataclasses.dataclass(frozen=True)
class Frame:
    """How pictures are brought to size.

    Attributes:
      how: one of `arguments.RESIZES`.
      size: side of the square in pixels, 0 for `none`.
    """

    how: str
    size: int

    def __post_init__(self):
        if self.how == "none" and self.size:
            raise TintmillError(
                f"--size={self.size}: wanted with --resize=squash or crop; --resize=none keeps all sizes"
            )
        if self.how != "none" and self.size < _LIMITS.min_side:
            raise TintmillError(
                f"--size={self.size}: wanted with --resize={self.how}, at least {_LIMITS.min_side} pixels"
            )

    def __call__(self, image: Image.Image) -> np.ndarray:
        """uint8 [H, W, 3] of an image of mode RGB."""
        return np.asarray(image) if self.how == "none" else photo.fit(image, self.size, self.how)

    def describe(self) -> str:
        if self.how == "none":
            return "none: every picture at its truth's own size, those of another size left out"
        return f"{self.how} to {self.size}x{self.size}, antialiased bicubic, truth and picture alike"


class Judged:
    """True pictures and their answers, a `scoring.Source`.

    The truths are read once before they are scored, for their mean colour and their histogram.

    Args:
      pairs: the pictures to be scored.
      left_out: files that have no partner.
      frame: how truths are brought to size.
      answer: name of the answers' row.
      find_answer: (pair, truth uint8 [H, W, 3]) -> the answer, uint8 of the same shape; may raise `_Unusable`.
      answers_first: whether answers may be unusable, and are therefore read before scoring too.
      said: what the card says of the answers.
      colorizer: a run that makes the answers; the card says how far its colours depend on a picture's size.
    """

    mean_name = "mean ab of the truths"

    def __init__(
        self,
        pairs: list[Pair],
        left_out: list[LeftOut],
        frame: Frame,
        answer: str,
        find_answer: Callable[[Pair, np.ndarray], np.ndarray],
        answers_first: bool,
        said: str,
        colorizer: Colorizer | None = None,
    ):
        self.answer, self.left_out, self._pairs = answer, list(left_out), []
        self._frame, self._find_answer, self._said, self._colorizer = frame, find_answer, said, colorizer
        counts = self._read_once(pairs, answers_first)
        if not self._pairs:
            reasons = "; ".join(map(str, self.left_out[:_NAMED])) or "no files"
            raise TintmillError(f"no picture can be scored: {reasons}")
        sums, self.histogram = ab_bins.sum_colours(counts), ab_bins.count_bins(counts)
        self.mean_ab = (sums["a"] / counts.sum(), sums["b"] / counts.sum())

    def _read_once(self, pairs: list[Pair], answers_first: bool) -> np.ndarray:
        """Finds out which pairs can be scored; returns `ab_bins.count_pairs` of their truths, int64 [65536]."""
        counts = np.zeros(65536, np.int64)
        for pair in tqdm(pairs, desc="reading", unit=" pictures", disable=len(pairs) < 2):
            try:
                truth = self._truth(pair)
                if answers_first:
                    self._find_answer(pair, truth)
            except _Unusable as unusable:
                self.left_out.append(unusable.left_out)
                continue
            self._pairs.append(pair)
            counts += ab_bins.count_pairs(lab.pack(lab.rgb_to_lab(truth), "lab8"))
        return counts

    def examples(self, numbers: list[int] | None = None) -> Iterator[Example]:
        chosen = self._pairs if numbers is None else [self._pairs[number] for number in numbers]
        for pair in tqdm(chosen, desc="scoring", unit=" pictures", disable=numbers is not None or len(chosen) < 2):
            try:
                truth = self._truth(pair)
                picture = self._find_answer(pair, truth)
            except _Unusable as unusable:  # it was there a moment ago
                raise TintmillError(f"{unusable.left_out}: changed while it was scored; start again") from unusable
            yield Example(pair.name, lab.rgb_to_lab(truth), truth, picture)

    def card(self) -> dict[str, str]:
        return {
            "resize": self._frame.describe(),
            "rounding": "pictures as they are decoded, 8 bits; after resizing rounded to 8 bits",
            "truth": "the file itself: upright by EXIF, converted to sRGB by its ICC profile",
            "pictures": self._said,
            "left_out": describe_left_out(len(self._pairs), self.left_out),
        } | ({"size_stability": self._describe_sizes()} if self._colorizer else {})

    def _describe_sizes(self) -> str:
        whole = (_decode(pair.truth, f"truth {pair.name}") for pair in self._pairs[:_SIZED])
        found = size_stability.mean_differences(self._colorizer, whole)
        small, larger, *_ = size_stability.SIZES
        if not found:
            return f"not measured: no picture has a shorter side of {larger} pixels"
        parts = [f"{size}: {difference:.2f} ({count} pictures)" for size, (difference, count) in found.items()]
        return f"CIEDE2000 of the colours of a picture given at a shorter side of {small} from {', '.join(parts)}"

    def _truth(self, pair: Pair) -> np.ndarray:
        return self._frame(_decode(pair.truth, f"truth {pair.name}"))


def others_pictures(pictures: str, truth: str, frame: Frame) -> Judged:
    """Other people's coloured pictures against the true ones.

    Raises:
      TintmillError: no folder, no pair of files with one name, or none that can be scored.
    """
    pairs, left_out = match(pictures, truth)
    if not pairs:
        raise TintmillError(
            f"no file of --pictures={pictures} has its truth in --truth={truth}: {len(left_out)} files have no partner "
            f"({'; '.join(map(str, left_out[:_NAMED]))}); wanted the same names below both, whatever their extensions"
        )

    def read(pair: Pair, wanted: np.ndarray) -> np.ndarray:
        found = frame(_decode(pair.picture, f"picture {pair.name}"))
        if found.shape != wanted.shape:
            sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (found, wanted)]
            raise _Unusable(pair.name, "picture and truth of different size", f"{sizes[0]}, wanted {sizes[1]}")
        return found

    return Judged(pairs, left_out, frame, "pictures", read, True, "as they came, their own L* included")


def coloured_by(colorizer: Colorizer, name: str, truth: str, frame: Frame, hints: int = 0) -> Judged:
    """A folder of colour pictures, coloured by a run from their grey versions.

    Args:
      name: of the row.
      hints: places of each truth whose colour the run is told, see `reveal`.
    Raises:
      TintmillError: no folder, or no picture in it.
    """
    listed, left_out = _by_stem(truth, "--truth")
    pairs = [Pair(file, path, "") for file, path in listed.values()]

    def colour(pair: Pair, pixels: np.ndarray) -> np.ndarray:
        known = reveal(lab.rgb_to_lab(pixels)[..., 1:], pair.name, hints) if hints else []
        return colorizer(Image.fromarray(pixels), known)

    size = "the picture's full size" if frame.how == "none" else f"{frame.size}x{frame.size}"
    told = f" and {hints} hints, {HINTS}" if hints else " alone"
    said = f"coloured by the run at {size} from L*{told}; the network itself sees its working size, ab is scaled up"
    return Judged(pairs, left_out, frame, name, colour, False, said, colorizer)


def match(pictures: str, truth: str) -> tuple[list[Pair], list[LeftOut]]:
    """Pairs of files of the same path below both folders, extensions aside, in order of name; and what has no partner.

    Raises:
      TintmillError: one of them is no folder.
    """
    found, left_out = _by_stem(pictures, "--pictures")
    wanted, doubled = _by_stem(truth, "--truth")
    left_out += doubled
    left_out += [LeftOut(f"picture {found[s][0]}", "no truth of its name") for s in found if s not in wanted]
    left_out += [LeftOut(f"truth {wanted[s][0]}", "no picture of its name") for s in wanted if s not in found]
    return [Pair(wanted[s][0], wanted[s][1], found[s][1]) for s in wanted if s in found], left_out


def stem(name: str) -> str:
    """A path without its picture extensions, all of them: `1.webp.png` is a coloured `1.webp`."""
    while os.path.splitext(name)[1].lower() in _EXTENSIONS:
        name = os.path.splitext(name)[0]
    return name


def describe_left_out(scored: int, left_out: list[LeftOut]) -> str:
    """For the card: how many were scored, and how many left out for each reason, a few of them by name."""
    if not left_out:
        return f"none; {scored} scored"
    by_reason = collections.defaultdict(list)
    for entry in left_out:
        by_reason[entry.reason].append(entry.file)
    parts = [
        f"{len(names)} {reason}: {', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}"
        for reason, names in by_reason.items()
    ]
    return f"{len(left_out)} left out ({'; '.join(parts)}); {scored} scored"


def _by_stem(folder: str, flag: str) -> tuple[dict[str, tuple[str, str]], list[LeftOut]]:
    """{stem: (name, path)} of a folder's files; several of one stem are all left out: which is meant, nobody knows."""
    if not files.is_remote(folder) and not os.path.isdir(folder):
        raise TintmillError(f"{flag}={folder}: no such folder; wanted one of pictures")
    listed = collections.defaultdict(list)
    try:
        for entry in files.list_files(folder):
            name = stable_text(entry.name)
            if name != log.NAME:  # what `tintmill colorize` leaves beside its pictures
                listed[stem(name)].append((name, entry.path))
    except OSError as error:
        raise TintmillError(f"{flag}={folder}: cannot be listed ({error})") from error
    if not listed:
        raise TintmillError(f"{flag}={folder}: no files in it; wanted pictures")
    what = flag.removeprefix("--").removesuffix("s")
    doubled = [names for names in listed.values() if len(names) > 1]
    left_out = [
        LeftOut(f"{what} {name}", "several files of one name", f"beside {', '.join(n for n, _ in names if n != name)}")
        for names in doubled
        for name, _ in names
    ]
    return {s: names[0] for s, names in sorted(listed.items()) if len(names) == 1}, left_out


def _decode(path: str, name: str) -> Image.Image:
    try:
        return photo.decode(files.read(path), _LIMITS)
    except OSError as error:
        raise _Unusable(name, "unreadable", str(error)) from error
    except photo.Rejected as rejected:
        if rejected.code == "too_small":
            raise _Unusable(name, f"a side below {_LIMITS.min_side} pixels") from rejected
        raise _Unusable(name, photo.REASONS[rejected.code]) from rejected
