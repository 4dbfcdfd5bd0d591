"""The shell around a hop, where it can be tried without a broker."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from pipeline.interval import IntervalRunner
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.steps import Overgrown
from schemas.batches import batch_headers
from schemas.record import RawBatch


class _Ending(Runner):
    """Is handed a batch just while it lets go of the partition."""

    hop_name = "resolve"

    async def end_work(self, work: Any) -> None:
        batch = RawBatch("events.accepted", bytes(16), 0, [0], [0], [b""], [None], [None])
        await self.take(self._generation, batch)
        work.ended = True

    def _watch_the_end(self) -> None:
        """Would end the process of the tests."""


class _Work:
    bytes = 0
    absorbed = ended = False

    def absorb(self, batch: RawBatch) -> None:
        self.absorbed = True


def test_nothing_is_handed_over_before_faust_has_taken_note_of_the_take_over() -> None:
    batch = RawBatch("events.accepted", bytes(16), 0, [0], [0], [b""], [None], [None])

    async def run() -> list[int]:
        runner = Runner(Settings())
        runner._read_ahead.append((0, batch))
        before = len(await runner.next_batches())
        runner.go_on()
        return [before, len(await runner.next_batches())]

    assert asyncio.run(run()) == [0, 1]


def test_a_batch_that_comes_while_a_partition_is_let_go_finds_it_gone() -> None:
    work = _Work()

    async def run() -> None:
        runner = _Ending(Settings())
        runner.work, runner._settled = {0: work}, True
        await runner.close()

    asyncio.run(run())

    assert work.ended
    assert not work.absorbed


class _Heavy:
    """What follows from a share fills all the room there is."""

    rows = 0

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.bytes = 0

    def absorb(self, batch: RawBatch) -> None:
        self.offsets += batch.offsets
        self.bytes = 1 << 30


def _interval(rows_at_once: int) -> IntervalRunner:
    nothing: Any = SimpleNamespace(name="resolve", tallies={}, disabled=(), sources=(), output="", beside=())
    nothing.rows_at_once, nothing.lacks = rows_at_once, lambda batch: False
    return IntervalRunner(Settings(), nothing)


class _Growing:
    """Takes in one record at a time."""

    rows = 0

    def __init__(self) -> None:
        self.taken: list[list[int]] = []
        self.bytes = 0

    def absorb(self, batch: RawBatch) -> None:
        if len(batch) > 1:
            raise Overgrown
        self.taken.append(list(batch.offsets))
        self.bytes += 40 << 20


def test_of_what_grows_too_large_less_is_taken_at_once_and_what_is_too_much_waits_for_room() -> None:
    batch = RawBatch("events.raw", bytes(16), 0, [3, 4, 5], [0] * 3, [b""] * 3, [None] * 3, [None] * 3, after=2)

    async def run() -> tuple[list[list[int]], list[list[int]]]:
        runner, work = _interval(rows_at_once=0), _Growing()
        runner.work, runner._settled = {0: work}, True
        taking = asyncio.create_task(runner.take(0, batch))
        await asyncio.sleep(0.01)
        before = [*work.taken]
        work.bytes = 0
        runner.weigh()
        await taking
        return before, work.taken

    assert asyncio.run(run()) == ([[3], [4]], [[3], [4], [5]])


def test_the_next_share_of_a_batch_waits_for_room_and_is_left_to_who_owns_the_partition_by_then() -> None:
    headers = batch_headers(pa.record_batch({"x": [1]}))
    batch = RawBatch("events.accepted", bytes(16), 0, [3, 4], [0, 0], [b"", b""], [None] * 2, [headers] * 2)

    async def run(is_ours: bool) -> list[list[int]]:
        runner, work = _interval(rows_at_once=1), _Heavy()
        runner.work, runner._settled = {0: work}, True
        taking = asyncio.create_task(runner.take(runner._generation, batch))
        await asyncio.sleep(0.01)
        found = [list(work.offsets)]
        work.bytes, runner._settled = 0, is_ours
        runner.weigh()
        await taking
        return [*found, work.offsets]

    assert asyncio.run(run(is_ours=True)) == [[3], [3, 4]]
    assert asyncio.run(run(is_ours=False)) == [[3], [3]]
