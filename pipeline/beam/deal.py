"""Work dealt to processes of this machine as they ask for it, so that a slow one does not keep the others waiting."""

import fcntl
from collections.abc import Iterator


class Deal:
    """The numbers 0 to `end` - 1, each dealt once to whoever iterates next; the next one stands in a file, locked while
    it is taken. An empty file begins the deal.
    """

    def __init__(self, path: str, end: int):
        self._path, self._end = path, end

    def __iter__(self) -> Iterator[int]:
        while (number := self._take(1)) < self._end:
            yield number

    def stop(self) -> None:
        """Nothing more is dealt to anybody."""
        self._take(self._end)

    def _take(self, count: int) -> int:
        with open(self._path, "r+") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            number = int(f.read() or 0)
            f.seek(0)
            f.write(str(number + count))
        return number
