"""The one exception that is meant for a person: it names the thing, what was found, what was wanted, the remedy."""


class TintmillError(Exception):
    """A failure the user can act on. Commands print it as one line and exit with 1; no traceback."""
