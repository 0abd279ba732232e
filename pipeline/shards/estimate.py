"""What a dataset will take, from a few of its pictures that are tried on this machine: `prepare --dry_run`.

Nothing is written. The first pictures by hash are a fair sample of all, as those of --limit are.
"""

import dataclasses
import heapq
import time
from collections.abc import Iterator

from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset import embed, record
from tintmill.pipeline.shards.assign import hash64, sort_for_shard
from tintmill.pipeline.shards.build import encode_pictures, read_pictures
from tintmill.pipeline.shards.plan import Plan, list_references
from tintmill.pipeline.shards.tally import Tally

SAMPLE = 64  # pictures that are tried
_HOUR = 3600.0


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a plan comes to.

    Attributes:
      splits: pictures of each split, as listed.
      shards: how many.
      tried: pictures that were tried.
      rejected: of these, left out by reason code.
      bytes: of all shards, about.
      seconds: CPU-seconds of all pictures, about, on CPUs like this machine's.
    """

    splits: dict[str, int]
    shards: int
    tried: int
    rejected: dict[str, int]
    bytes: float
    seconds: float

    @property
    def pictures(self) -> int:
        return sum(self.splits.values())

    @property
    def records(self) -> float:
        """Pictures that become records, about."""
        return self.pictures * (1 - sum(self.rejected.values()) / self.tried)

    def describe(self, price: float = 0.0) -> Iterator[str]:
        """Lines for people; with a price of a CPU-hour, what all of it costs."""
        splits = ", ".join(f"{name} {count:,}" for name, count in self.splits.items())
        codes = ", ".join(f"{count} {code}" for code, count in self.rejected.items()) or "none"
        yield f"{self.pictures:,} pictures ({splits}) in {self.shards:,} shards"
        yield f"of {self.tried} that were tried here, left out: {codes}"
        yield f"about {self.records:,.0f} records, {self.bytes / 1e9:,.3g} GB"
        hours, each = self.seconds / _HOUR, 1000 * self.seconds / self.pictures
        cost = f", cost {hours * price:,.2f} at {price:g} a CPU-hour" if price else ""
        yield f"about {hours:,.3g} CPU-hours at {each:,.0f} CPU-ms a picture, as on this machine{cost}"


def estimate(plan: Plan) -> Estimate:
    """Tries some pictures of a plan, which has at least one.

    Raises:
      TintmillError: the input cannot be read, or the embedder cannot be had.
    """
    import_tensorflow()
    chosen = heapq.nsmallest(SAMPLE, list_references(plan), key=lambda reference: hash64("limit", reference.id))
    references = sort_for_shard(chosen)
    _try(plan, references[: embed.BATCH])  # loads libraries and the embedder, which is not counted
    began = time.process_time()
    tally, size = _try(plan, references)
    seconds = time.process_time() - began
    rejected = tally.to_json()["rejected"]
    share = sum(dict(plan.counts).values()) / len(references)
    return Estimate(
        splits=dict(plan.counts),
        shards=len(plan.list_shards()),
        tried=len(references),
        rejected=rejected,
        bytes=size * share,
        seconds=seconds * share,
    )


def _try(plan: Plan, references: list) -> tuple[Tally, int]:
    """The tally of the pictures, and the bytes that their records take in a shard."""
    embed.limit_threads()
    tally, size = Tally(plan.settings.encoding), 0
    for picture, data in encode_pictures(plan, read_pictures(plan, references, [], tally)):
        tally.add(picture)
        size += len(record.frame(data))
    return tally, size
