"""Keeps the owned partitions of one hop fed, within bounds, and stops the process on anything unexpected.

Faust says which partitions are ours; from then on the order is: fence and recover, read from the commit
record, work, commit. What was fetched before a rebalance is recognized by its generation and forgotten:
positions are taken from what was worked on, so it comes again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from pipeline.consumer import LogReader
from pipeline.hard_stop import end_within, stop_now
from pipeline.ownership import Logs, Owned
from pipeline.readiness import say_ready
from pipeline.settings import Settings
from pipeline.steps import Tally
from pipeline.topics import topic_ids
from schemas.outcomes import Retry
from schemas.record import RawBatch

__all__ = ["Runner", "Work"]

logger = logging.getLogger(__name__)
STOP_WITHIN_S = 15.0
"""An orderly stop that takes longer becomes a hard one, which loses nothing; supervisors kill after 20 s or more."""
_Result = TypeVar("_Result")


class Work(Protocol):
    """What the runner does with one owned partition."""

    owned: Owned

    @property
    def bytes(self) -> int:
        """Bytes taken in and not yet committed."""

    def absorb(self, batch: RawBatch) -> None: ...


class Runner:
    """The shell around a hop. One per process; everything but the threads it names runs on Faust's loop."""

    hop_name: str
    sources: tuple[str, ...]
    outputs: tuple[str, ...]

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tallies: Mapping[str, Tally] = {}
        """What transformations did, by their names, where there are any."""
        self.disabled: Collection[str] = ()
        self.logs: Logs = {}
        self.work: dict[int, Any] = {}
        self.changing = asyncio.Lock()
        self.awake = asyncio.Event()
        self.awake.set()
        self._generation = 0
        self._settled = False
        self._flows = False
        self._closing = False
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._reader = LogReader(settings, self.records_max(settings))
        self._fetch_thread = ThreadPoolExecutor(1, thread_name_prefix="fetch")
        self._threads = ThreadPoolExecutor(max(8, settings.topics.partitions), thread_name_prefix="commit")
        self._tasks: set[asyncio.Task[None]] = set()
        self._read_ahead: deque[tuple[int, RawBatch]] = deque()
        self._reading: asyncio.Task[None] | None = None

    # What a kind of runner adds.

    def records_max(self, settings: Settings) -> int:
        """How many records one read may hand over: few where each is a batch of thousands of events."""
        return settings.fetch.batches_max

    def begin_work(self, owned: Owned) -> Work:
        raise NotImplementedError

    def bind(self, logs: Logs) -> None:
        """The topics' ids of this assignment are known."""

    async def before(self, batch: RawBatch) -> None:
        """Whatever must be fetched before the batch can be worked on."""

    async def work_in(self, generation: int, batch: RawBatch) -> None:
        """Absorb the batch, if its partition is still ours."""
        work = self.work.get(batch.partition)
        if work is not None and self.is_current(generation):
            work.absorb(batch)
            self.weigh()

    async def commit_pending(self) -> None:
        """Commit what is pending, or wait until what is being committed is. Called with `changing` held."""

    async def end_work(self, work: Any) -> None:
        """The partition is lost: forget everything about it that was not committed."""
        # In a thread: letting go of a producer waits for its own threads.
        await self.in_thread(work.owned.close)

    # What Faust's side calls.

    async def rest(self) -> None:
        """A rebalance begins: commit what is pending while the partitions are still ours, then nothing more.

        Nobody is given a partition before every member has come to rest, so an orderly rebalance fences nobody.
        """
        await asyncio.shield(self.spawn(self._rest()))

    async def take_over(self, partitions: set[int]) -> None:
        """Own exactly these partitions when this returns."""
        # The next rebalance gives up waiting, but what was begun is finished first: a partition that is half opened
        # would hold its folder, and fence the worker that opens it again.
        await asyncio.shield(self.spawn(self._take_over(partitions)))

    def go_on(self) -> None:
        """Faust has taken note of the take-over. What it was given before that, it would forget without a word."""
        self._flows = True

    async def next_batches(self) -> deque[tuple[int, RawBatch]]:
        """What was read and not handed on yet; the caller takes out what it has handed on. Reads when it is empty.

        A caller that is cancelled loses nothing: the reader's position has moved, so what it read must not vanish.
        """
        if self._closing or not self._flows:
            await asyncio.sleep(0.05)
            return deque()
        if not self._read_ahead:
            if self._reading is None or self._reading.done():
                # Left to Faust a failure would become an orderly shutdown, with a commit in it.
                self._reading = self.spawn(self._read_on())
            await asyncio.shield(self._reading)
        return self._read_ahead

    def is_current(self, generation: int) -> bool:
        return self._settled and generation == self._generation

    async def wait_for_room(self) -> None:
        await self._has_room.wait()

    async def take(self, generation: int, batch: RawBatch) -> None:
        """Work one batch in, unless a rebalance has made it somebody else's."""
        try:
            await self.before(batch)
            await self.work_in(generation, batch)
        except BaseException as problem:
            self.stop_on(problem)
            raise

    async def close(self) -> None:
        """Commit what is pending and let go of every partition, within STOP_WITHIN_S."""
        self._closing = True
        self._watch_the_end()
        async with self.changing:
            if self.awake.is_set():
                self.awake.clear()
                await self.commit_pending()
            # Nobody's before they are ended: a batch that comes meanwhile must find no store that is being closed.
            ended, self.work = self.work, {}
            await asyncio.gather(*(self.end_work(work) for work in ended.values()))
        await self._in(self._fetch_thread, self._reader.close)

    # What the kinds of runner share.

    def spawn(self, steps: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run steps whose failure stops the worker."""

        async def guarded() -> None:
            try:
                await steps
            except asyncio.CancelledError:
                raise
            except BaseException as problem:
                self.stop_on(problem)
                raise

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def stop_on(self, problem: BaseException) -> None:
        """End the process now, committing nothing; see pipeline/hard_stop.py. Being cancelled is no problem."""
        if not isinstance(problem, asyncio.CancelledError):
            stop_now(self.hop_name, problem)

    def weigh(self) -> int:
        """Backpressure: with too many bytes pending, nothing is fetched until some were committed."""
        pending: int = sum(work.bytes for work in self.work.values())
        if pending < self.settings.commit.pending_bytes_max:
            self._has_room.set()
        else:
            self._has_room.clear()
        return pending

    async def verify_logs(self) -> None:
        """Every topic still is the log it was at the assignment; otherwise stop uncommitted."""
        names = [*self.sources, *self.outputs]
        found = await self.until_done(topic_ids, self.settings, names)
        for name in names:
            if found.get(name) != self.logs[name]:
                raise RuntimeError(
                    f"topic {name} was deleted or created again while it was in use; "
                    "the worker starts again and reads the new log from its beginning"
                )

    async def _watch_logs(self) -> None:
        """A reader whose topic was created again may wait for ever at its old offset, and would never commit."""
        while not self._closing:
            await asyncio.sleep(self.settings.fetch.log_check_s)
            await self.verify_logs()

    async def in_thread(self, call: Callable[..., _Result], *arguments: Any) -> _Result:
        return await self._in(self._threads, call, *arguments)

    async def until_done(self, call: Callable[..., _Result], *arguments: Any) -> _Result:
        """Repeat a blocking call as long as it says Retry; nothing is lost meanwhile, the source waits."""
        attempt = 0
        while True:
            try:
                return await self.in_thread(call, *arguments)
            except Retry as retry:
                attempt += 1
                wait_s = self.settings.retry.wait_s(attempt, retry.after_s)
                if attempt in (1, 5) or attempt % 20 == 0:
                    logger.warning("%s waits %.1f s (attempt %d): %s", self.hop_name, wait_s, attempt, retry.reason)
                await asyncio.sleep(wait_s)

    async def _read_on(self) -> None:
        self._read_ahead.extend(await self._in(self._fetch_thread, self._read))

    def _watch_the_end(self) -> None:
        end_within(self.hop_name, STOP_WITHIN_S)

    async def _rest(self) -> None:
        async with self.changing:
            if self.awake.is_set():
                self.awake.clear()
                await self.commit_pending()

    async def _take_over(self, partitions: set[int]) -> None:
        async with self.changing:
            if self._closing:
                return
            # Until the reader has the new positions, what it hands over is from the old ones: it is nobody's.
            self._settled = self._flows = False
            state_topic = f"{self.settings.app}-{self.hop_name}-state"
            names = [*self.sources, *self.outputs, state_topic]
            logs = await self.until_done(topic_ids, self.settings, names)
            self._refuse_missing(names, logs)
            if self.logs and logs != self.logs:
                raise RuntimeError("a topic was created again during a rebalance; starting over with the new log")
            if not self.logs:
                self.spawn(self._watch_logs())
            self.logs = logs
            self.bind(logs)
            await asyncio.gather(*(self.end_work(self.work.pop(lost)) for lost in set(self.work) - partitions))
            found = sorted(partitions - set(self.work))
            opened = await asyncio.gather(*(self.in_thread(self._open, partition) for partition in found))
            positions = {}
            for owned in (*opened, *(work.owned for work in self.work.values())):
                positions.update(await self.in_thread(owned.positions))
            for owned in opened:
                self.work[owned.partition] = self.begin_work(owned)
            await self._in(self._fetch_thread, self._assign, positions)
            self._settled = True
            self.awake.set()
            self.weigh()
            say_ready(self.hop_name)
            logger.info("%s owns partitions %s", self.hop_name, sorted(self.work))

    def _refuse_missing(self, names: list[str], logs: Logs) -> None:
        missing = [name for name in names if name not in logs]
        if missing:
            raise RuntimeError(f"topics {', '.join(missing)} do not exist: create them with headrace topics create")

    def _open(self, partition: int) -> Owned:
        owned = Owned(self.settings, self.hop_name, partition, self.sources, self.logs)
        owned.open()
        return owned

    def _assign(self, positions: dict[tuple[str, int], int]) -> None:
        self._reader.assign(positions, self.logs)
        self._generation += 1

    def _read(self) -> list[tuple[int, RawBatch]]:
        # Of this thread only, as the assignment is: what a read finds belongs to the assignment it began under.
        generation = self._generation
        return [(generation, batch) for batch in self._reader.read(1.0)]

    async def _in(self, threads: ThreadPoolExecutor, call: Callable[..., _Result], *arguments: Any) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(threads, call, *arguments)
