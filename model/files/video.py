"""A video in, the same video in colours out, through PyAV (FFmpeg's libraries).

Size as it is shown, timestamps, pixel shape, sound and title stay; frames stored on their side come out upright. Sound
and subtitles are copied, not encoded anew.

The picture is H.264, yuv420p: what every player, phone and browser shows; the colours of a network are coarser than its
halved chroma anyway. Only a video of odd width or height is yuv444p, yuv420p has no such sizes. WebM holds no H.264:
there it is VP9. Both are encoded at a constant quality (CRF 18 and 24), whatever bytes that takes.

A broken frame fails the whole video, as a cut end does: half a film that looks whole would be found out too late.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image
from tqdm import tqdm

from tintmill.model.files.colour_file import Options
from tintmill.model.files.not_coloured import NotColoured
from tintmill.model.files.steady import Steady
from tintmill.model.painting import finish
from tintmill.pipeline.common import extras
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo

_EXTENSIONS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_H264 = ("libx264", {"crf": "18", "preset": "medium"})
_VP9 = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"})
_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MISSING = 1.0  # seconds that the end may lie before the header's duration; more is a video cut off
_HD = 720  # rows from which on players take a video that does not say so for BT.709
_BT709, _UNSPECIFIED, _BT601, _LIMITED = 1, 2, 6, 1  # FFmpeg's numbers of colour spaces and ranges
_HDR = (16, 18)  # FFmpeg's numbers of the transfer characteristics PQ and HLG
_COVER = 1 << 10  # FFmpeg's mark of a stream that is one still picture


@dataclasses.dataclass(frozen=True)
class Container:
    """What reads a file, by its content, and what writes the coloured one, by its name; FFmpeg's names."""

    reader: str
    writer: str


def is_video_name(name: str) -> bool:
    """Whether a file's name ends as that of a video that is coloured."""
    return _extension(name) in _EXTENSIONS


def container_of(name: str, source: BinaryIO) -> Container:
    """Raises NotColoured where the content is no video of a known kind."""
    with _reads_told():
        head = source.read(12)
        source.seek(0)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return Container("matroska", _EXTENSIONS[_extension(name)])
    if head[4:8] in _ISO_BOXES:
        return Container("mov", _EXTENSIONS[_extension(name)])
    raise NotColoured("not_a_video")


def colour(
    source: BinaryIO,
    target: BinaryIO,
    container: Container,
    colorizer,
    options: Options,
    limits: photo.Limits,
    provenance: dict[str, str],
) -> dict:
    """Reads a video from one file and writes it, coloured, to another.

    Args:
      provenance: as for pictures; it becomes the video's comment.
    Returns:
      Facts for the log.
    Raises:
      NotColoured: it cannot be read to its end, or cannot be written as it is.
      OSError: the target cannot be written.
      TintmillError: PyAV is not installed.
    """
    av, output = import_av(), _Target(target)
    try:
        with av.open(_Source(source), format=container.reader) as read:
            stream = _picture_stream(read, limits)
            with av.open(output, "w", format=container.writer) as written:
                _say(written, read, provenance)
                return _Colouring(read, stream, written, container.writer, colorizer, options).run()
    except av.FFmpegError as error:
        if output.error:
            raise output.error from error
        raise NotColoured("damaged_video", f"FFmpeg says: {error.strerror}") from error


class _Colouring:
    """One video's way; PyAV's containers are open as long as it lasts."""

    def __init__(self, read, stream, written, container: str, colorizer, options: Options):
        self._read, self._stream, self._written = read, stream, written
        self._container, self._colorizer, self._options = container, colorizer, options
        self._steady = Steady()
        self._encoder = None
        self._copies: dict = {}  # streams of sound and subtitles, by those they are copied from
        self._waiting: list = []  # packets of theirs that came before the first frame
        self._frames, self._end = 0, 0.0

    def run(self) -> dict:
        with tqdm(total=self._stream.frames or None, unit=" frames", leave=False, disable=None) as bar:
            for packet in self._read.demux():
                self._note_end(packet)
                if packet.stream is self._stream:
                    for frame in packet.decode():
                        self._colour(frame)
                        bar.update()
                else:
                    self._copy(packet)
        if not self._encoder:
            raise NotColoured("damaged_video", "no frame in it")
        self._written.mux(self._encoder.encode(None))
        self._check_end()
        return self._facts()

    def _colour(self, frame) -> None:
        if frame.is_corrupt or frame.pts is None:
            raise NotColoured("damaged_video", f"frame {self._frames} is corrupt")
        if frame.color_trc in _HDR:
            raise NotColoured("unsupported_video", "HDR; convert it to BT.709 first")
        pixels = _pixels(frame)  # (H, W, 3)
        if not self._encoder:
            self._begin(frame, pixels.shape[1], pixels.shape[0])
        if pixels.shape[:2] != (self._encoder.height, self._encoder.width):
            raise NotColoured("unsupported_video", f"frames change their size, at number {self._frames}")
        grey = Image.fromarray(finish.grey(pixels))
        ab = self._colorizer.predict_ab(grey, self._options.temperature)  # (h, w, 2)
        ab = self._steady(frame.time, grey, ab)  # (h, w, 2)
        painted = finish.paint(pixels, ab, self._options.chroma, self._options.upsample)  # (H, W, 3)
        self._written.mux(self._encoder.encode(_encodable(painted, frame, self._encoder.pix_fmt)))
        self._frames += 1

    def _begin(self, frame, width: int, height: int) -> None:
        """The streams of the output; which way up the picture is, only the first frame tells."""
        name, settings = _VP9 if self._container == "webm" else _H264
        rate = self._stream.average_rate or self._stream.guessed_rate
        # In the source's units of time: timestamps stay what they are, at a constant rate or not.
        encoder = self._written.add_stream(name, rate, settings, time_base=self._stream.time_base)
        encoder.width, encoder.height = width, height
        encoder.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
        encoder.color_range, encoder.colorspace, encoder.color_primaries, encoder.color_trc = _LIMITED, *[_BT709] * 3
        encoder.codec_context.flags |= import_av().codec.context.Flags.frame_duration
        ratio = self._stream.sample_aspect_ratio
        if ratio:
            encoder.sample_aspect_ratio = 1 / ratio if _turns(frame) % 2 else ratio
        self._encoder = encoder
        for stream in (*self._read.streams.audio, *self._read.streams.subtitles):
            self._copies[stream] = self._copy_of(stream)
        for packet in self._waiting:
            self._copy(packet)
        self._waiting.clear()

    def _copy_of(self, stream):
        try:
            made = self._written.add_stream_from_template(stream)
        except ValueError as error:
            raise NotColoured("unsupported_video", f"its {stream.type} cannot be copied ({error})") from error
        made.metadata.update(stream.metadata)
        made.disposition = stream.disposition
        return made

    def _copy(self, packet) -> None:
        if not self._encoder:
            self._waiting.append(packet)
        elif packet.stream in self._copies and packet.dts is not None:
            packet.stream = self._copies[packet.stream]
            self._written.mux(packet)

    def _note_end(self, packet) -> None:
        if packet.pts is not None:
            self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def _check_end(self) -> None:
        """FFmpeg takes the end of a cut file for that of the video."""
        begin, length = (self._read.start_time or 0) / 1e6, (self._read.duration or 0) / 1e6
        if begin + length - self._end > _MISSING:
            raise NotColoured("damaged_video", f"it ends after {self._end - begin:.1f} of {length:.1f} s")

    def _facts(self) -> dict:
        return {
            "frames": self._frames,
            "scenes": self._steady.scenes,
            "width": self._encoder.width,
            "height": self._encoder.height,
            "codec": self._encoder.codec.name,
            "pixels": self._encoder.pix_fmt,
            "copied": sorted(stream.type for stream in self._copies),
        }


class _Source:
    """The input as PyAV reads it; what cannot be read is told from what cannot be written."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def read(self, size: int) -> bytes:
        with _reads_told():
            return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with _reads_told():
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class _Target:
    """The output as PyAV writes it. `error`: the first one; what closing then raises would hide it."""

    def __init__(self, file: BinaryIO):
        self._file, self.error = file, None

    def write(self, data) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = self.error or error
            raise

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


@contextlib.contextmanager
def _reads_told() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:  # a bucket has no longer what was listed
        raise NotColoured("changed") from error
    except OSError as error:
        raise NotColoured("unreadable") from error


def import_av():
    """Raises TintmillError where PyAV is not installed."""
    try:
        import av
        import av.codec.context
        import av.logging
    except ImportError as error:
        raise TintmillError(
            f"videos want PyAV, which cannot be imported ({error}); {extras.install_line('video')}, or leave them out"
        ) from error
    av.logging.set_level(None)  # FFmpeg's threads would log through Python, and one that is being closed waits for it
    return av


def _picture_stream(read, limits: photo.Limits):
    """The video's first stream of pictures, which is not its cover."""
    found = [s for s in read.streams.video if not s.disposition & _COVER]
    if not found:
        raise NotColoured("damaged_video", "no stream of pictures in it")
    if found[0].codec_context is None:
        raise NotColoured("unsupported_video", "in a codec that cannot be decoded here")
    if found[0].width * found[0].height > limits.max_pixels:
        raise NotColoured("too_many_pixels")
    found[0].thread_type = "AUTO"
    return found[0]


def _say(written, read, provenance: dict[str, str]) -> None:
    said = "; ".join(f"{name}: {value}" for name, value in provenance.items())
    written.metadata.update(read.metadata)
    written.metadata["comment"] = f"Automatically coloured by Tintmill; {said}"


def _pixels(frame) -> np.ndarray:
    """A frame's pixels, sRGB uint8 [H, W, 3], upright."""
    if frame.colorspace == _UNSPECIFIED:
        frame.colorspace = _BT709 if frame.height >= _HD else _BT601
    pixels = frame.reformat(format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, _turns(frame)))


def _turns(frame) -> int:
    """Quarters of a turn to the left, to the nearest one, until the frame is upright."""
    return round(frame.rotation / 90) % 4


def _encodable(pixels: np.ndarray, like, pixel_format: str):
    """A frame for the encoder.

    Args:
      pixels: sRGB uint8 [H, W, 3].
      like: the source's frame, which is shown at the same time and for as long.
      pixel_format: as FFmpeg names it.
    """
    av = import_av()
    rgb = av.VideoFrame.from_ndarray(pixels, "rgb24")
    reformatter = av.video.reformatter
    frame = rgb.reformat(
        format=pixel_format,
        dst_colorspace=reformatter.Colorspace.ITU709,
        dst_color_range=reformatter.ColorRange.MPEG,
        interpolation=reformatter.Interpolation.BICUBIC | reformatter.Interpolation.ACCURATE_RND,
    )
    frame.pts, frame.time_base, frame.duration = like.pts, like.time_base, like.duration
    return frame


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()
