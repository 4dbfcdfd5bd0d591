"""Deliver: blocks of one partition go into a destination, their boundaries on record before the first byte.

A block is a contiguous range of one topic and partition. The commit that closes one block opens the next, so
a block costs one transaction. After a crash the open block is cut again at exactly its recorded end and sent
again under the same token: what had landed is recognized by the destination. A transaction is begun only after
the destination has answered; nothing waits for a destination inside one.
"""

import asyncio
import logging
from collections import deque
from time import monotonic

from pipeline.deliver import Destination, Unpacked, unpack
from pipeline.outcome import MOVED, Outcome
from pipeline.ownership import OpenBlock, Owned
from pipeline.producer import Outgoing
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.spine import deliver
from pipeline.topics import DELIVERED
from pipeline.work import wired
from schemas.batches import batch_headers
from schemas.block import Block
from schemas.record import RawBatch

__all__ = ["BlockRunner", "BlockWork", "Queue"]

logger = logging.getLogger(__name__)


class Queue:
    """Messages of one topic and partition waiting for their block, oldest first."""

    def __init__(
        self, topic: str, linger_s: float, rows_max: int, bytes_max: int, position: int = 0, apart_s: float = 0.0
    ) -> None:
        """`position` is the first offset to come; after a block the next one is not due before `apart_s`."""
        self.topic = topic
        self.bytes = 0
        self.rows = 0
        self._linger_s = linger_s
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._waiting: deque[Unpacked] = deque()
        self._since = 0.0
        self._apart_s = apart_s
        self._not_before = 0.0
        self._next = position
        self.must_end_at: int | None = None
        """The recorded end of a block that was open at take-over: the next block ends exactly there."""

    def expect(self, after: int | None) -> None:
        """What was read up to there has come. Raises AssertionError: something was read and never handed over."""
        assert after is None or after <= self._next, f"{self.topic}: read on from {after}, expected {self._next}"

    def add(self, message: Unpacked, now_s: float) -> None:
        """Take a message in. After a rebalance that left us the partition, what waits here is read once more."""
        if message.offset < self._next:
            return
        self._next = message.offset + 1
        if not self._waiting:
            self._since = now_s
        self._waiting.append(message)
        self.bytes += message.bytes
        self.rows += message.rows

    def due_in(self, now_s: float) -> float | None:
        """Seconds until the next block is to be cut; None while there is nothing to cut."""
        if not self._waiting:
            return None
        if self.must_end_at is not None:
            return 0.0 if self._waiting[-1].offset >= self.must_end_at else None
        if self.rows >= self._rows_max or self.bytes >= self._bytes_max:
            return 0.0
        return max(0.0, max(self._since + self._linger_s, self._not_before) - now_s)

    def cut(self, now_s: float) -> list[Unpacked]:
        """The messages of the next block: to the recorded end, or as many as the limits allow, at least one."""
        block: list[Unpacked] = []
        rows = size = 0
        while self._waiting:
            following = self._waiting[0]
            if self.must_end_at is not None:
                if following.offset > self.must_end_at:
                    break
            elif block and (rows + following.rows > self._rows_max or size + following.bytes > self._bytes_max):
                break
            block.append(self._waiting.popleft())
            rows, size = rows + following.rows, size + following.bytes
        self.rows -= rows
        self.bytes -= size
        self.must_end_at = None
        self._since = now_s
        self._not_before = now_s + self._apart_s
        return block


class BlockWork:
    """One owned partition: a queue per topic, and at most one block on its way."""

    def __init__(self, owned: Owned, queues: dict[str, Queue]) -> None:
        self.owned = owned
        self.queues = queues
        self.arrived = asyncio.Event()
        self.on_the_way = 0
        self.committing: asyncio.Future[int] | None = None
        self.outgoing: list[Outgoing] = []
        for block in owned.open_blocks:
            queues[block.topic].must_end_at = block.last

    @property
    def bytes(self) -> int:
        return self.on_the_way + sum(queue.bytes for queue in self.queues.values())

    def absorb(self, batch: RawBatch) -> None:
        now_s = monotonic()
        queue = self.queues[batch.topic]
        queue.expect(batch.after)
        for message in unpack(batch):
            queue.add(message, now_s)
        self.arrived.set()

    @property
    def awaits_its_block(self) -> bool:
        """Whether a block that was open at take-over has not been read to its end."""
        return any(self._is_half_way(queue) and queue.due_in(0.0) is None for queue in self.queues.values())

    def next_due(self) -> tuple[float | None, Queue | None]:
        """The queue whose block is due first, and in how many seconds.

        A block that was open at take-over goes before everything else: the next commit record names another one, and
        who came after it would send what may have landed under another token.
        """
        now_s = monotonic()
        queues = [queue for queue in self.queues.values() if self._is_half_way(queue)] or self.queues.values()
        due = [(wait, queue) for queue in queues if (wait := queue.due_in(now_s)) is not None]
        return min(due, key=lambda pair: pair[0]) if due else (None, None)

    def _is_half_way(self, queue: Queue) -> bool:
        """Whether the block that was open here is still to be sent; retention may have taken it meanwhile."""
        if queue.must_end_at is not None and queue.must_end_at < self.owned.counters[queue.topic].position:
            queue.must_end_at = None
        return queue.must_end_at is not None


class BlockRunner(Runner):
    """Runs the blocks of every owned partition into one destination."""

    def __init__(self, settings: Settings, name: str, destination: Destination) -> None:
        super().__init__(settings)
        self.hop_name = f"deliver-{name}"
        self._destination = destination
        named = settings.topics.named
        self._events, self._rejected, self._accounts = map(named, ("events.prepared", "events.rejected", "accounts"))
        self.sources = tuple(named(topic) for topic in DELIVERED)
        self.outputs = ()
        self._loops: dict[int, asyncio.Task[None]] = {}
        self._sending = asyncio.Semaphore(settings.deliver.concurrency)

    def begin_work(self, owned: Owned) -> BlockWork:
        limits = self.settings.deliver
        queues = {}
        for topic in self.sources:
            linger_ms = limits.accounts_linger_ms if topic == self._accounts else limits.linger_ms
            apart_ms = 0 if topic == self._events else limits.facts_apart_ms
            queues[topic] = Queue(
                topic,
                linger_ms / 1000,
                limits.rows_max,
                limits.bytes_max,
                owned.counters[topic].position,
                apart_ms / 1000,
            )
        work = BlockWork(owned, queues)
        self._loops[owned.partition] = self.spawn(self._run(work))
        return work

    async def end_work(self, work: BlockWork) -> None:
        self._loops.pop(work.owned.partition).cancel()
        await self._committed(work)
        await super().end_work(work)

    async def commit_pending(self) -> None:
        """Blocks are committed by their own loops, which are told to rest; what they have begun is waited for."""
        await asyncio.gather(*(self._committed(work) for work in self.work.values()))

    def weigh(self) -> int:
        """A block that was open at take-over must be read to its end before anything can be sent: it needs room."""
        pending = super().weigh()
        if any(work.awaits_its_block for work in self.work.values()):
            self._has_room.set()
        return pending

    async def _run(self, work: BlockWork) -> None:
        open_topic: str | None = None
        while True:
            wait_s, queue = work.next_due()
            if queue is None or wait_s is None or wait_s > 0:
                if open_topic is not None and (wait_s is None or wait_s > 0):
                    await self._commit(work, [], publish=open_topic != self._accounts)
                    open_topic = None
                await self._wait(work, wait_s)
                continue
            block = self._block(work, queue)
            work.on_the_way = sum(rows.nbytes for _, rows in block.messages)
            boundary = OpenBlock(block.topic, block.log.hex(), block.first, block.last)
            await self._commit(work, [boundary], publish=open_topic not in (None, self._accounts))
            async with self._sending:
                outcome = await self.until_done(deliver, block, self._destination.insert, self._destination.name)
            self._account(work, block, outcome)
            open_topic = block.topic
            work.on_the_way = 0
            self.weigh()

    async def _wait(self, work: BlockWork, wait_s: float | None) -> None:
        work.arrived.clear()
        try:
            await asyncio.wait_for(work.arrived.wait(), wait_s)
        except TimeoutError:
            pass  # a block is due

    def _block(self, work: BlockWork, queue: Queue) -> Block:
        messages = queue.cut(monotonic())
        return Block(
            topic=queue.topic,
            log=self.logs[queue.topic],
            partition=work.owned.partition,
            first=messages[0].offset,
            last=messages[-1].offset,
            messages=tuple((message.offset, message.batch) for message in messages),
        )

    async def _commit(self, work: BlockWork, opened: list[OpenBlock], publish: bool) -> None:
        """Close what is done, open what comes next. The rejected rows of the closed block go along."""
        owned = work.owned
        owned.open_blocks = opened
        outgoing, work.outgoing = work.outgoing, []
        await self.verify_logs()
        await self.awake.wait()
        record = owned.record()
        # Cancelling this loop does not stop the thread: whoever ends the work waits for it, and lets go of the producer
        # only then.
        work.committing = asyncio.ensure_future(self.in_thread(owned.commit, outgoing, {}, record, publish))
        owned.settle(await asyncio.shield(work.committing))

    async def _committed(self, work: BlockWork) -> None:
        """The commit that is under way has ended. Raises what it raised."""
        if work.committing is not None:
            await asyncio.shield(work.committing)

    def _account(self, work: BlockWork, block: Block, outcome: Outcome) -> None:
        counters = work.owned.counters[block.topic]
        counters.add_read(outcome.rows, outcome.uuid_sum)
        for fate in outcome.fates:
            detail = self._destination.name if fate.kind == MOVED else fate.detail
            counters.count(fate.kind, fate.project, detail, fate.rows, fate.uuid_sum)
        counters.position = block.last + 1
        if outcome.rejected is not None:
            for part, value in wired(outcome.rejected):
                headers = batch_headers(part)
                work.outgoing.append(Outgoing(self._rejected, work.owned.partition, value, headers=headers))
