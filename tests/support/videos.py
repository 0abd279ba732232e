"""Little videos made by the tests, and what is in a video."""

import dataclasses
import io
from fractions import Fraction

import av
import numpy as np

from tests.support import helpers

TICKS = 12_800  # of the pictures' clock in a second


def pan(count: int, height: int = 96, width: int = 128, step: int = 3, seed: int = 0) -> list[np.ndarray]:
    """Frames of a camera that moves over a grey picture, uint8 [H, W, 3]."""
    wide = helpers.photo_pixels(seed, height, width + step * count)
    texture = np.random.default_rng(seed).integers(-12, 12, (height, width + step * count, 1))
    grey = np.clip(wide.mean(axis=-1, keepdims=True) + texture, 0, 255).astype(np.uint8).repeat(3, axis=-1)
    return [grey[:, step * i : step * i + width] for i in range(count)]


def make(
    frames: list[np.ndarray],
    kind: str = "mp4",
    times: list[int] | None = None,
    last: int = TICKS // 25,
    sound: str | None = "aac",
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    turned: int = 0,
    title: str = "A film",
    ratio: Fraction | None = None,
    transfer: int = 2,
) -> bytes:
    """A video file.

    Args:
      times: when each frame is shown, in ticks; 25 a second by default. `last`: ticks that the last one is shown.
      transfer: FFmpeg's number of the transfer characteristic that it says it has.
      turned: degrees to the left that a player has to turn the frames by.
    """
    times = times or [i * TICKS // 25 for i in range(len(frames))]
    file = io.BytesIO()
    with av.open(file, "w", format={"mkv": "matroska"}.get(kind, kind)) as written:
        written.metadata["title"] = title
        stream = written.add_stream(codec, 25, {"crf": "10"}, time_base=Fraction(1, TICKS))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.flags |= av.codec.context.Flags.frame_duration
        stream.color_trc = transfer
        if ratio:
            stream.sample_aspect_ratio = ratio
        if turned:
            stream.set_display_rotation(turned)
        tone = written.add_stream(sound, 48_000, layout="mono") if sound else None
        for pixels, time, after in zip(frames, times, [*times[1:], times[-1] + last], strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            frame.pts, frame.time_base, frame.duration = time, Fraction(1, TICKS), after - time
            written.mux(stream.encode(frame))
        written.mux(stream.encode(None))
        if tone:
            _add_tone(written, tone, (times[-1] + last) / TICKS)
    return file.getvalue()


def _add_tone(written, stream, seconds: float) -> None:
    wave = np.sin(np.arange(int(48_000 * seconds)) * 2 * np.pi * 440 / 48_000).astype(np.float32) / 4
    for start in range(0, len(wave), 960):
        part = av.AudioFrame.from_ndarray(wave[None, start : start + 960], "fltp", "mono")
        part.sample_rate, part.pts, part.time_base = 48_000, start, Fraction(1, 48_000)
        written.mux(stream.encode(part))
    written.mux(stream.encode(None))


@dataclasses.dataclass
class Content:
    """What a video holds; `sound`: its packets; `times`: of the frames, in seconds; `frames`: as they are shown."""

    frames: list[np.ndarray]
    times: list[Fraction]
    sound: list[tuple[Fraction, bytes]]
    duration: float
    codec: str
    pixel_format: str
    metadata: dict[str, str]
    ratio: Fraction | None
    turned: int


def content(data: bytes) -> Content:
    with av.open(io.BytesIO(data)) as read:
        frames, times, sound, turned = [], [], [], 0
        for packet in read.demux():
            if packet.stream.type == "audio" and packet.dts is not None:
                sound.append((packet.pts * packet.time_base, bytes(packet)))
            elif packet.stream.type == "video":
                for frame in packet.decode():
                    turned = frame.rotation
                    frames.append(frame.to_ndarray(format="rgb24"))
                    times.append(frame.pts * frame.time_base)
        stream = read.streams.video[0]
        about = stream.codec_context
        return Content(
            frames,
            times,
            sound,
            read.duration / 1e6,
            about.name,
            about.pix_fmt,
            dict(read.metadata),
            stream.sample_aspect_ratio,
            turned,
        )
