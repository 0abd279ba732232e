"""What every command shares: its flags, its help, one-line errors, exit codes, signals, quiet libraries.

Exit codes: 0 done, 1 a TintmillError, 2 wrong flags (a WrongFlagError among them), 130 Ctrl-C, 143 SIGTERM. Training
that SIGTERM stopped, and that is saved, ends with what its --stopped_code says.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable

from absl import flags

from tintmill.pipeline.common import extras, log
from tintmill.pipeline.common.errors import TintmillError, WrongFlagError
from tintmill.pipeline.common.flag_help import Topics, format_help


class Terminated(BaseException):
    """SIGTERM arrived. No Exception: nothing on the way may swallow it."""


def run(
    name: str,
    values: flags.FlagValues,
    main: Callable,
    argv: list[str],
    doc: str,
    topics: Topics,
    unknown: str = "refuse",
) -> int:
    """Parses `argv` (without the program's name), runs `main`, returns the exit code.

    Args:
      values: the command's own flags. Each command has its own `FlagValues`: --output may be two commands' flag.
      main: called with the arguments that are no flags.
      topics: headings of the help and the names of the flags below each.
      unknown: `refuse` unknown flags, or `pass` them to `main` among its arguments.
    """
    quiet_libraries()
    if "--help" in argv or "-h" in argv:
        show(format_help(name, values, doc, topics))
        return 0
    try:
        rest = values([name, *argv], known_only=unknown == "pass")[1:]
    except flags.Error as error:
        found = " ".join(str(error).split())  # absl gives a line for each missing flag
        print(f"tintmill {name}: error: {found}; `tintmill {name} --help` lists the flags", file=sys.stderr)
        return 2
    except UnicodeDecodeError as error:
        print(f"tintmill {name}: error: a --flagfile is no text ({error}); wanted a flag a line", file=sys.stderr)
        return 2
    log.use(values[log.FLAG].value if log.FLAG in values else "text")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        main(rest)
        show("", end="")
        return 0
    except ModuleNotFoundError as error:
        missing = extras.explain_missing(error)
        if missing is None:
            raise
        log.fail(name, str(missing))
        return 1
    except TintmillError as error:
        log.fail(name, str(error))
        return 2 if isinstance(error, WrongFlagError) else 1
    except KeyboardInterrupt:
        print(f"tintmill {name}: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    except Terminated:
        print(f"tintmill {name}: terminated; run the same command again to go on", file=sys.stderr)
        return 143


def take_dataset(arguments: list[str], name: str) -> str:
    """The one argument of the command `name`, a dataset directory.

    Raises:
      TintmillError: there is none, or more than one.
    """
    if len(arguments) != 1:
        raise TintmillError(f"wanted one dataset directory: tintmill {name} DIR; got {arguments}")
    return arguments[0]


def refuse_words(words: list[str]) -> None:
    """Raises TintmillError where a command that takes flags alone was given other words."""
    if words:
        raise TintmillError(f"wanted flags only, got {words}")


def show(text: str, end: str = "\n") -> None:
    """Prints what a reader may cut short (`| head`), and what was printed before and is not out yet."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python's own last flush would complain


def tell(text: str) -> None:
    """A line for who waits at a terminal; output that is kept or read by a program goes without."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def quiet_libraries() -> None:
    """Keeps chatter of TensorFlow and Beam out of the terminal; must run before they are imported."""
    # Without an NVIDIA device TensorFlow prints its failed search for one as an error, once a process.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1" if os.path.exists("/dev/nvidiactl") else "3")
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s", stream=sys.stderr)
    for library in ("tensorflow", "absl", "apache_beam"):
        logging.getLogger(library).setLevel(logging.ERROR)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """False for what Beam logs, with tracebacks, about a TintmillError in a worker: `run` prints that, in one line."""
    raised = record.exc_info[1] if record.exc_info else None
    return not isinstance(raised, TintmillError) and "TintmillError" not in record.getMessage()


def _terminate(signal_number, frame):
    raise Terminated
