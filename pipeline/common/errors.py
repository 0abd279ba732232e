"""The exception that is meant for a person: it names the thing, what was found, what was wanted, the remedy."""


class TintmillError(Exception):
    """A failure the user can act on. Commands print it as one line and exit with 1; no traceback."""


class WrongFlagError(TintmillError):
    """A value that no input makes right: the command must be given another one, and exits with 2.

    A scheduler tries a command again that failed for another reason, and one with a wrong flag not.
    """
