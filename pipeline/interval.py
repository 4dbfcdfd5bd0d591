"""Accept and resolve: everything pending is committed once per interval, one transaction a partition."""

import asyncio
from functools import partial

from pipeline.consumer import Place
from pipeline.hops import Hop
from pipeline.log_batch import shares
from pipeline.ownership import Logs, Owned
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.steps import Overgrown
from pipeline.topics import cut_logs
from pipeline.work import PartitionWork
from schemas.record import RawBatch

__all__ = ["IntervalRunner"]


class IntervalRunner(Runner):
    """Commits `commit.interval_ms` after the first pending row, or sooner when much is pending; idle is free."""

    def __init__(self, settings: Settings, hop: Hop) -> None:
        self._hop = hop
        super().__init__(settings)
        self.hop_name = hop.name
        self.tallies, self.disabled = hop.tallies, hop.disabled
        self.sources = hop.sources
        self.outputs = tuple({hop.output, settings.topics.named("events.rejected"), *hop.beside} - {""})
        self._pending = asyncio.Event()
        self._plenty = asyncio.Event()
        self._committing: asyncio.Task[None] | None = None

    def records_max(self, settings: Settings) -> int:
        return settings.fetch.records_max if self._hop.name == "accept" else settings.fetch.batches_max

    def bind(self, logs: Logs) -> None:
        self._hop.bind(logs)
        if self._committing is None:
            self._committing = self.spawn(self._commit_for_ever())

    def begin_work(self, owned: Owned) -> PartitionWork:
        return PartitionWork(self._hop, owned)

    async def close(self) -> None:
        """Likewise, and then the hop: no batch reaches it any more."""
        await super().close()
        self._hop.close()

    async def before(self, batch: RawBatch) -> None:
        if self._hop.lacks(batch):
            await self.until_done(self._hop.provide, batch)

    async def work_in(self, generation: int, batch: RawBatch) -> None:
        """The same in parts between which there may be a commit, lest too much follows from all of it."""
        parts = list(shares(batch, self._hop.rows_at_once)) if self._hop.rows_at_once else [batch]
        while parts:
            part = parts.pop(0)
            try:
                await super().work_in(generation, part)
            except Overgrown:
                half = len(part) // 2
                parts[:0] = part.part(0, half), part.part(half, len(part))
            if parts:
                await self.wait_for_room()

    def weigh(self) -> int:
        pending = super().weigh()
        rows = sum(work.rows for work in self.work.values())
        commit = self.settings.commit
        if rows:
            self._pending.set()
        if rows >= commit.events_max or pending >= commit.pending_bytes_max // 2:
            self._plenty.set()
        return pending

    async def _commit_for_ever(self) -> None:
        while True:
            await self._pending.wait()
            try:
                await asyncio.wait_for(self._plenty.wait(), self.settings.commit.interval_ms / 1000)
            except TimeoutError:
                pass  # the ordinary case: the interval is over before much has gathered
            await self.awake.wait()
            async with self.changing:
                if self.awake.is_set():
                    await self.commit_pending()

    async def commit_pending(self) -> None:
        """Freeze, verify, write all partitions at once, settle. Work on the next batches goes on meanwhile."""
        pending = [work for work in self.work.values() if work.rows]
        self._pending.clear()
        self._plenty.clear()
        if not pending:
            return
        frozen = [(work, work.freeze()) for work in pending]
        await self.verify_logs()
        ends = await asyncio.gather(*(self.in_thread(partial(work.commit, part)) for work, part in frozen))
        not_needed: dict[Place, int] = {}
        for (work, part), end in zip(frozen, ends, strict=True):
            before = work.settle(part, end)
            if before is not None:
                not_needed[work.owned.state_topic, work.owned.partition] = before
        if not_needed:
            # Waited for: whoever opens the partition next should find the log as it stays.
            await self.in_thread(cut_logs, self.settings, not_needed)
        self.weigh()
