"""Sources whose folders say everything: finding the folder where a layout begins, in a folder or in an archive."""

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.listing import tree


def find_prefix(root: str, begins: str, wanted: str) -> str:
    """The folder inside `root` that holds the folder `begins` (train), as a prefix of ids: empty, or `A folder/`.

    Raises:
      TintmillError: nothing or several such folders are there; `wanted` says what should be.
    """
    tree.check_input(root, wanted)
    candidates = (
        [""] if not tree.is_archive(root) and files.exists(files.join(root, begins)) else _prefixes(root, begins)
    )
    if len(candidates) > 1:
        raise TintmillError(f"--input={root}: found {', '.join(c.rstrip('/') for c in candidates)}; give one of them")
    if not candidates:
        raise TintmillError(f"--input={root}: found no folder {begins} in it, wanted {wanted}")
    return candidates[0]


def _prefixes(root: str, begins: str) -> list[str]:
    """Empty or one folder deep, sorted."""
    found = set()
    for entry in tree.list_entries(root):
        folders = entry.id.split("/")[:-1]
        if begins in folders[:2]:
            found.add("/".join([*folders[: folders.index(begins)], ""]) if folders[0] != begins else "")
    return sorted(found)
