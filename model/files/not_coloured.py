"""Why a file was not coloured: a code for programs, a reason for people."""

from tintmill.pipeline.imaging import photo

REASONS = photo.REASONS | {
    "not_a_video": "its name says video, its content is neither MP4, MOV, Matroska nor WebM",
    "damaged_video": "the video cannot be read to its end",
    "unsupported_video": "a video that cannot be written as it is",
    "linked_folder": "a link to a folder, which is not followed; give that folder itself too",
    "bad_hints": "a hint that does not fit it",
    "bad_name": "its name cannot be a file's name in the output",
}


class NotColoured(Exception):
    """A file that gets no colours; `code` is a key of `REASONS`, `reason` its text, with what more is known."""

    def __init__(self, code: str, detail: str = ""):
        super().__init__(code)
        self.code = code
        self.reason = f"{REASONS[code]}: {detail}" if detail else REASONS[code]
