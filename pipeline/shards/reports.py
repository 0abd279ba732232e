"""The committed reports of a plan's shards, read once each: by all that the command asks of them, from the first count
of what is left to build to the manifest.
"""

import dataclasses

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.identity import EmbedderIdentity
from tintmill.pipeline.dataset.names import REPORTS, name_report
from tintmill.pipeline.dataset.shard_report import ShardReport
from tintmill.pipeline.shards.digest import MODULUS
from tintmill.pipeline.shards.plan import Plan, digest_shards
from tintmill.pipeline.shards.resume import is_shard, read_committed


class Reports:
    """What is committed of a plan so far. `look` reads what is new; the rest answers from memory.

    A report of 512 pictures takes about 150 KB here while duplicates are looked for, 20 KB otherwise.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self._found: dict[tuple[str, int], ShardReport] = {}
        self._waiting = {name_report(*key): key for key in plan.list_shards()}
        self._seen: dict[str, files.FileStat] = {}  # reports that commit nothing: damaged, or to be replaced
        self._embedder: EmbedderIdentity | None = None

    @property
    def built(self) -> int:
        """Shards that are committed."""
        return len(self._found)

    @property
    def todo(self) -> int:
        """Shards that have yet to be built."""
        return len(self._waiting)

    @property
    def read(self) -> int:
        """Pictures that the committed shards have dealt with."""
        return sum(report.read for report in self._found.values())

    def look(self) -> None:
        """Reads the reports that came since the last look."""
        for entry in list(files.list_files(self.plan.path(REPORTS))):
            if entry.name in self._waiting and self._seen.get(entry.name) != entry:
                self._take(entry)

    def _take(self, entry: files.FileStat) -> None:
        key = self._waiting[entry.name]
        report = read_committed(self.plan, *key)
        if report is None:
            self._seen[entry.name] = entry
        else:
            self._found[key] = self._shorten(report)
            del self._waiting[entry.name]

    def _shorten(self, report: ShardReport) -> ShardReport:
        """Without what only a resume or the search for duplicates needs, and with one embedder for all."""
        if report.embedder != self._embedder:
            self._embedder = report.embedder
        pixels = report.pixels if self.plan.settings.drop_duplicates else []
        return dataclasses.replace(report, inputs=[], pixels=pixels, embedder=self._embedder)

    def take_back_changed(self) -> None:
        """Lets shards be built again whose pictures were not the plan's while they were built: one was written, gone or
        new just then. To be called once the listing is known to be the plan's again.
        """
        changed = {key for key, report in self._found.items() if "changed" in report.rejected}
        if not self._waiting and self._digest() != int(self.plan.inputs, 16):
            wanted = digest_shards(self.plan)
            changed |= {key for key, report in self._found.items() if int(report.listing, 16) != wanted[key]}
        for key in changed:
            files.remove(self.plan.report_path(*key))
            self._wait(key)

    def _digest(self) -> int:
        return sum(int(report.listing, 16) for report in self._found.values()) % MODULUS

    def _wait(self, key: tuple[str, int]) -> None:
        del self._found[key]
        self._waiting[name_report(*key)] = key

    def exclude(self, found: dict[tuple[str, int], list[str]]) -> None:
        """From now on the plan leaves out the pictures `found`, by shard; shards that hold some wait to be built."""
        excluded = tuple(sorted((*key, tuple(ids)) for key, ids in found.items()))
        self.plan = dataclasses.replace(self.plan, excluded=excluded)
        for key in [key for key, report in self._found.items() if report.excluded != found.get(key, [])]:
            self._wait(key)
        self._seen.clear()
        self.look()

    def all(self) -> list[ShardReport]:
        """The reports of all shards, in shard order.

        Raises:
          TintmillError: some shards are not committed, or the listing was not what was read.
        """
        self._seen.clear()  # two writings within a tick of the clock look alike
        self.look()
        if missing := self._missing():
            first = self.plan.name_shard(*missing[0])
            raise TintmillError(
                f"{self.plan.folder}: {len(missing)} shards were not built, the first {first}; run it again"
            )
        if self._digest() != int(self.plan.inputs, 16):
            listed = sum(dict(self.plan.counts).values())
            raise TintmillError(
                f"--input={self.plan.input} changed while it was read, {listed} files at first, then {self.read}; put "
                "it back as it was and run the same command again, or begin anew with another --version"
            )
        return [self._found[key] for key in self.plan.list_shards()]

    def _missing(self) -> list[tuple[str, int]]:
        """Shards without a report, or lost since it was read."""
        there = {entry.name: entry for entry in files.list_files(self.plan.folder)}
        files_of = {key: there.get(report.file) for key, report in self._found.items()}
        here = {key for key, entry in files_of.items() if entry and is_shard(entry, self._found[key])}
        return [key for key in self.plan.list_shards() if key not in here]
