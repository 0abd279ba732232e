"""A part of the input: --classes, and --limit, --limit_per_class, --limit_per_split: the first N pictures by hash.

A picture is in or out by its own hash, so that smaller subsets lie in greater ones.
"""

import heapq
import json
from collections.abc import Iterator, Mapping

from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards.assign import choose_split, hash64


def is_selected(settings: Settings, limits: Mapping[str, int], reference: Reference) -> bool:
    """Whether a picture belongs to the part; `limits` as `find_limits` found them."""
    if settings.classes and reference.label not in settings.classes:
        return False
    limit = limits.get(_group(settings, reference)) if limits else None
    return limit is None or hash64("limit", reference.id) <= limit


def _group(settings: Settings, reference: Reference) -> str:
    """What a limit counts within: everything, a class (of an official split; no class is one too), or a split."""
    if settings.limit_per_class:
        return json.dumps([reference.split, reference.label])
    return choose_split(settings, reference) if settings.limit_per_split else "all"


def find_limits(settings: Settings, references: Iterator[Reference]) -> dict[str, int]:
    """By group (see `_group`), the greatest hash within its limit; a group without limit is not in it."""
    wanted = dict(settings.limit_per_split)
    everywhere = settings.limit or settings.limit_per_class
    if not (wanted or everywhere):
        return {}
    smallest: dict[str, list[int]] = {}  # heaps of negative hashes, so that the greatest kept one comes first
    for reference in references:
        group = _group(settings, reference)
        number = everywhere or wanted.get(group)
        if number and is_selected(settings, {}, reference):
            _keep_smallest(smallest.setdefault(group, []), hash64("limit", reference.id), number)
    return {group: -heap[0] for group, heap in smallest.items()}


def _keep_smallest(heap: list[int], value: int, number: int) -> None:
    if len(heap) < number:
        heapq.heappush(heap, -value)
    elif value < -heap[0]:
        heapq.heapreplace(heap, -value)
