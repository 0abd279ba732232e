"""Videos: what stays as it was, what is steady, what is refused. Little ones, made here with PyAV."""

import io
import os
import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import fake_colouring, helpers, pans, videos
from tintmill.model import colorize
from tintmill.model.files import steady, video
from tintmill.model.files.colour_file import Options
from tintmill.model.files.not_coloured import NotColoured
from tintmill.pipeline.common import extras
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab, photo

AB = (20.0, 30.0)
KINDS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "mkv": ("libx264", "libopus"),
    "webm": ("libvpx-vp9", "libopus"),
}


class Painter:
    """One colour for all; keeps the frames that it saw."""

    def __init__(self):
        self.seen: list[Image.Image] = []

    def predict_ab(self, grey: Image.Image, temperature: float | None = None) -> np.ndarray:
        self.seen.append(grey)
        return np.full((12, 16, 2), AB, np.float32)


def coloured(data: bytes, name: str = "film.mp4", painter=None, limits=photo.Limits()) -> bytes:  # noqa: B008
    source, target = io.BytesIO(data), io.BytesIO()
    provenance = {"model": "toy", "model_sha256": "0123"}
    video.colour(source, target, video.container_of(name, source), painter or Painter(), Options(), limits, provenance)
    return target.getvalue()


def assert_same_but_colours(before: videos.Content, after: videos.Content) -> None:
    assert after.times == before.times
    assert after.duration == pytest.approx(before.duration, abs=0.003)  # Matroska rounds to milliseconds
    assert after.sound == before.sound
    assert after.ratio == before.ratio
    assert after.frames[0].shape == before.frames[0].shape
    for one, other in zip(before.frames, after.frames, strict=True):
        grey, colours = lab.rgb_to_lab(one), lab.rgb_to_lab(other)
        assert np.abs(grey[..., 0] - colours[..., 0]).mean() < 1.5  # both are lossy
        assert np.abs(colours[..., 1:].mean((0, 1)) - AB).max() < 2


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_coloured_video_differs_in_its_colours_alone(kind):
    codec, sound = KINDS[kind]
    data = videos.make(videos.pan(12), kind, codec=codec, sound=sound)
    made = coloured(data, f"film.{kind}")
    before, after = videos.content(data), videos.content(made)
    assert_same_but_colours(before, after)
    assert len(after.sound) > 10
    assert after.codec == ("vp9" if kind == "webm" else "h264")
    assert after.pixel_format == "yuv420p"
    said = {name.lower(): value for name, value in after.metadata.items()}
    assert said["title"] == "A film"
    assert said["comment"] == "Automatically coloured by Tintmill; model: toy; model_sha256: 0123"


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_a_variable_rate_is_kept(kind):
    """The last frame's time too, which no other frame tells."""
    data = videos.make(videos.pan(7), kind, times=[0, 512, 1024, 3000, 9000, 9512, 20_000], last=4000, sound=None)
    before = videos.content(data)
    assert len({b - a for a, b in zip(before.times, before.times[1:], strict=False)}) > 3
    assert_same_but_colours(before, videos.content(coloured(data, f"film.{kind}")))


@pytest.mark.parametrize("turned", [90, 180, -90])
def test_frames_stored_on_their_side_are_coloured_and_come_out_upright(turned):
    data, painter = videos.make(videos.pan(3), turned=turned, ratio=Fraction(4, 3)), Painter()
    before, after = videos.content(data), videos.content(coloured(data, painter=painter))
    upright = np.rot90(before.frames[0], turned // 90)
    assert (before.turned % 360, after.turned) == (turned % 360, 0)
    assert after.frames[0].shape == upright.shape
    assert painter.seen[0].size == upright.shape[1::-1]
    assert np.abs(lab.to_grey(after.frames[0]).astype(int) - lab.to_grey(upright)).mean() < 4
    assert after.ratio == (Fraction(4, 3) if turned == 180 else Fraction(3, 4))


def test_an_odd_size_is_kept():
    data = videos.make(videos.pan(3, 97, 131), pixel_format="yuv444p")
    after = videos.content(coloured(data))
    assert after.frames[0].shape == (97, 131, 3)
    assert after.pixel_format == "yuv444p"


def test_a_video_without_sound_and_one_of_one_frame_are_coloured():
    for data in (videos.make(videos.pan(3), sound=None), videos.make(videos.pan(1))):
        assert_same_but_colours(videos.content(data), videos.content(coloured(data)))


def test_subtitles_are_copied():
    data = _with_subtitle(videos.make(videos.pan(30)), b"\0\x0bHello there")
    assert _subtitles(coloured(data)) == _subtitles(data) == [(b"\0\x0bHello there", Fraction(1, 5), Fraction(1, 2))]


def _with_subtitle(film: bytes, text: bytes) -> bytes:
    import av

    target = io.BytesIO()
    with av.open(io.BytesIO(film)) as read, av.open(target, "w", format="mp4") as written:
        streams = {stream: written.add_stream_from_template(stream, opaque=True) for stream in read.streams}
        line = av.Packet(text)
        line.stream = written.add_mux_stream("mov_text", time_base=Fraction(1, 1000))
        line.pts, line.dts, line.duration, line.time_base = 200, 200, 500, Fraction(1, 1000)
        written.mux(line)
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                written.mux(packet)
    return target.getvalue()


def _subtitles(data: bytes) -> list[tuple[bytes, Fraction, Fraction]]:
    """Text, begin and length of each that is no pause."""
    import av

    with av.open(io.BytesIO(data)) as read:
        packets = [packet for packet in read.demux(read.streams.subtitles[0]) if packet.dts is not None]
        said = [packet for packet in packets if len(bytes(packet)) > 2]
        return [(bytes(p), p.pts * p.time_base, p.duration * p.time_base) for p in said]


def test_what_reads_a_video_is_told_by_its_content():
    """A Matroska file named .mp4 comes out as the MP4 that its name says."""
    made = coloured(videos.make(videos.pan(3), "mkv"), "film.mp4")
    assert made[4:8] == b"ftyp"


def broken() -> dict[str, bytes]:
    data, film = videos.make(videos.pan(60)), videos.make(videos.pan(60), "mkv")
    flipped = bytearray(data)
    for i in range(2000, 2400):
        flipped[i] ^= 0x5A
    return {
        "empty.mp4": b"",
        "text.mov": b"I am not a video, whatever my name says.",
        "picture.mp4": helpers.encode(helpers.photo_pixels(0), "JPEG"),
        "head.mp4": data[:200],
        "without index.mp4": data[: data.index(b"moov") - 4],
        "cut.mkv": film[: len(film) // 2],
        "flipped.mp4": bytes(flipped),
        "sound alone.mkv": _without_pictures(film),
    }


def _without_pictures(film: bytes) -> bytes:
    import av

    target = io.BytesIO()
    with av.open(io.BytesIO(film)) as read, av.open(target, "w", format="matroska") as written:
        tone = written.add_stream_from_template(read.streams.audio[0])
        for packet in read.demux(read.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = tone
                written.mux(packet)
    return target.getvalue()


WRONG = dict.fromkeys(("empty.mp4", "text.mov", "picture.mp4"), "not_a_video")


@pytest.mark.parametrize("name", sorted(broken()))
def test_a_broken_video_is_a_reason(name):
    with pytest.raises(NotColoured) as failure:
        coloured(broken()[name], name)
    assert failure.value.code == WRONG.get(name, "damaged_video")
    assert "\n" not in failure.value.reason


def test_a_cut_index_at_the_front_is_seen_by_what_is_missing_at_the_end():
    """As browsers want it, the index comes first: what is cut off then leaves a file that seems whole."""
    import av

    data, front = videos.make(videos.pan(100)), io.BytesIO()
    with (
        av.open(io.BytesIO(data)) as read,
        av.open(front, "w", format="mp4", options={"movflags": "frag_keyframe"}) as w,
    ):
        streams = {stream: w.add_stream_from_template(stream, opaque=True) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                w.mux(packet)
    with pytest.raises(NotColoured, match="damaged_video"):
        coloured(front.getvalue()[: len(front.getvalue()) * 2 // 3])


def test_frames_of_more_pixels_than_allowed_are_refused():
    with pytest.raises(NotColoured, match="too_many_pixels"):
        coloured(videos.make(videos.pan(2)), limits=photo.Limits(max_pixels=96 * 128 - 1))


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
def test_hdr_is_refused_not_washed_out(transfer):
    with pytest.raises(NotColoured, match="unsupported_video"):
        coloured(videos.make(videos.pan(2), transfer=transfer))


def test_a_disk_that_is_full_is_no_broken_video():
    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() > 3000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    source = io.BytesIO(videos.make(videos.pan(20)))
    with pytest.raises(OSError, match="No space left on device"):
        video.colour(source, Full(), video.Container("mov", "mp4"), Painter(), Options(), photo.Limits(), {})


def test_a_disk_that_cannot_be_read_is_no_full_one():
    class Bad(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 30_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    source = Bad(videos.make(videos.pan(100)))
    with pytest.raises(NotColoured, match="unreadable"):
        video.colour(source, io.BytesIO(), video.Container("mov", "mp4"), Painter(), Options(), photo.Limits(), {})


def test_without_pyav_one_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(TintmillError, match=re.escape(extras.install_line("video"))):
        coloured(b"\0\0\0\x20ftypisom")


# Steadiness


class Flickering:
    """Predicts the true colours, and in each frame an error of its own."""

    def __init__(self, truth: list[np.ndarray], seed: int = 0):
        self._truth, self._random = iter(truth), np.random.default_rng(seed)

    def __call__(self) -> np.ndarray:
        ab = next(self._truth)
        coarse = self._random.normal(0, 8, (6, 8, 2))
        return ab + np.stack([steady._resized(coarse[..., i], ab.shape[1::-1]) for i in range(2)], axis=-1)


def pan_of(pixels: np.ndarray, side: int = 128, count: int = 16):
    steps = [(i, 3 * i) for i in range(count)]
    frames = pans.moving(pixels, side, steps)
    truth = [lab.rgb_to_lab(frame)[..., 1:] for frame in frames]
    flickering = Flickering(truth)
    return steps, frames, truth, [flickering() for _ in truth]


def assert_steadier_and_truer(pixels: np.ndarray) -> None:
    steps, frames, truth, predicted = pan_of(pixels)
    result, scenes = pans.held(frames, predicted)
    assert scenes == 1
    assert pans.flicker(result, steps) < 0.4 * pans.flicker(predicted, steps)
    errors = [
        np.mean([np.abs(a - b).mean() for a, b in zip(x[6:], truth[6:], strict=True)]) for x in (result, predicted)
    ]
    assert errors[0] < 0.75 * errors[1]  # an average that lagged behind the motion would be steady and wrong


def test_colours_flicker_less_and_stay_in_their_places_while_the_camera_moves():
    random = np.random.default_rng(0)
    texture = random.integers(-25, 25, (50, 70, 1)).repeat(4, axis=0).repeat(4, axis=1)
    assert_steadier_and_truer(np.clip(helpers.photo_pixels(3, 200, 280) * 0.7 + 40 + texture, 0, 255).astype(np.uint8))


@pytest.mark.real_data
def test_colours_of_a_pan_over_real_photographs_flicker_less(real_data):
    for path in sorted((real_data / "bsds500").rglob("*.jpg"))[:3]:
        assert_steadier_and_truer(np.asarray(Image.open(path).convert("RGB")))


def test_at_a_cut_nothing_of_the_scene_before_is_left():
    first, second = (helpers.photo_pixels(seed, 64, 64) for seed in (1, 2))
    frames = [first] * 3 + [second] * 3
    predicted = [np.full((16, 16, 2), 40.0, np.float32)] * 3 + [np.full((16, 16, 2), -40.0, np.float32)] * 3
    result, scenes = pans.held(frames, predicted)
    assert scenes == 2
    assert np.array_equal(result[3], predicted[3])


def test_light_that_changes_as_a_whole_is_no_cut():
    dark = helpers.photo_pixels(1, 64, 64) // 3 + 40
    assert pans.held([dark, dark + 60, dark], [np.zeros((16, 16, 2), np.float32)] * 3)[1] == 1


def test_what_comes_into_view_has_its_own_colours():
    frames = [np.full((64, 64, 3), 90, np.uint8) for _ in range(2)]
    frames[1] = frames[1].copy()
    frames[1][20:36, 20:36] = 140
    predicted = [np.full((64, 64, 2), 0.0, np.float32), np.full((64, 64, 2), 0.0, np.float32)]
    predicted[1][20:36, 20:36] = 50
    result, scenes = pans.held(frames, predicted)
    assert scenes == 1
    assert result[1][24:32, 24:32].mean() > 45


# The command


@pytest.fixture
def colour(tmp_path, monkeypatch, capsys):
    fake_colouring.install(monkeypatch.setattr)
    trained = fake_colouring.make_run(tmp_path / "run")

    def run(*arguments) -> tuple[int, str]:
        colorize.FLAGS.unparse_flags()
        code = colorize.run_command([f"--run={trained}", f"--output={tmp_path / 'out'}", *map(str, arguments)])
        return code, capsys.readouterr().err

    return run


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_videos_are_coloured_among_pictures_and_not_again(colour, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Film.MP4").write_bytes(videos.make(videos.pan(5)))
    (tmp_path / "in" / "a.jpg").write_bytes(helpers.encode(helpers.photo_pixels(0), "JPEG"))
    assert colour(tmp_path / "in")[0] == 0
    assert names(tmp_path / "out") == ["Film.MP4", "a.jpg", "colorize.jsonl"]
    written = (tmp_path / "out" / "Film.MP4").stat().st_mtime_ns
    assert len(videos.content((tmp_path / "out" / "Film.MP4").read_bytes()).frames) == 5
    assert colour(tmp_path / "in")[0] == 0
    assert (tmp_path / "out" / "Film.MP4").stat().st_mtime_ns == written


def test_without_pyav_a_folder_with_a_video_is_refused_before_its_pictures(colour, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "film.mp4").write_bytes(b"")
    (tmp_path / "in" / "a.jpg").write_bytes(helpers.encode(helpers.photo_pixels(0), "JPEG"))
    monkeypatch.setitem(sys.modules, "av", None)
    code, said = colour(tmp_path / "in")
    assert (code, said.count("\n")) == (1, 1)
    assert extras.install_line("video") in said
    assert names(tmp_path / "out") == ["colorize.jsonl"]
    assert colour(tmp_path / "in" / "a.jpg")[0] == 0


def test_of_a_video_that_breaks_off_nothing_is_left_but_its_reason(colour, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cut.mkv").write_bytes(broken()["cut.mkv"])
    code, said = colour(tmp_path / "in")
    assert code == 1
    assert "cut.mkv: damaged_video (the video cannot be read to its end: it ends after" in said
    assert names(tmp_path / "out") == ["colorize.jsonl"]


def test_a_video_of_a_bucket_is_coloured_into_one(colour, bucket, tmp_path):
    data = videos.make(videos.pan(5))
    bucket.put("in/film.mp4", data)
    colorize.FLAGS.unparse_flags()
    out = bucket / "out"
    assert colorize.run_command([f"--run={tmp_path / 'run'}", f"--output={out}", bucket / "in"]) == 0
    assert len(videos.content(bucket.get("out/film.mp4")).frames) == 5
