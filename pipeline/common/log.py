"""What a command says on stderr while it works: a line for people, or a JSON object a line for what watches a cluster.

An object has `time` (UTC, ISO 8601), `level` (`info` or `error`), `message`, and fields of the event.
"""

import datetime
import json
import sys

FORMATS = ("text", "json")
FLAG = "log_format"  # of the commands that have it
_format = FORMATS[0]


def use(name: str) -> None:
    """From now on this process speaks in a format of `FORMATS`."""
    global _format
    _format = name


def is_json() -> bool:
    return _format == "json"


def say(message: str, level: str = "info", **fields) -> None:
    """Says a line. `fields` are values of JSON that the line's text holds too, for programs."""
    if is_json():
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        message = json.dumps({"time": now, "level": level, "message": message.strip(), **fields}, ensure_ascii=False)
    print(message, file=sys.stderr, flush=True)


def fail(command: str, message: str) -> None:
    """Says why a command ends."""
    say(message if is_json() else f"tintmill {command}: error: {message}", "error", command=command)
