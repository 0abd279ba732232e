"""Pictures with the same pixels in two splits: a test picture that was trained on measures memory, not skill.

Found from the committed reports, after all shards are built: the copy in the split named first in `_KEEP` stays, and
the shards that hold the others are built again without them. Copies within one split are left alone. There is no second
pass over the pictures. At a billion records switch it off (`--nodrop_duplicates`) for its memory.
"""

from tintmill.pipeline.dataset.shard_report import ShardReport
from tintmill.pipeline.shards.plan import Plan

_KEEP = ("test", "val")  # the test copy stays, then the validation copy, then the others in the order of the splits


def find(plan: Plan, reports: list[ShardReport]) -> dict[tuple[str, int], list[str]]:
    """Ids to leave out of each shard, sorted, shards without any left out of the answer.

    Memory: about 300 bytes a record, the reports included.
    """
    order = sorted((split for split, _ in plan.counts), key=lambda s: _KEEP.index(s) if s in _KEEP else len(_KEEP))
    owner: dict[str, str] = {}
    for split in order:
        for report in reports:
            if report.split == split:
                for _, pixels in report.pixels:
                    owner.setdefault(pixels, split)
    found: dict[tuple[str, int], list[str]] = {}
    for report in reports:
        ids = sorted(name for name, pixels in report.pixels if owner[pixels] != report.split)
        if ids:
            found[report.key] = ids
    return found
