"""Batch transport for Faust: one fetched partition batch is one Faust event.

Faust keeps what it is good at, the consumer group and the assignment, through its aiokafka driver. That driver
never fetches here: every assigned partition is paused before its fetcher can run. Instead the reader of
`pipeline.consumer` hands over whole batches, each of which reaches the agent as one event. Acknowledging an
event says that its whole range has been taken into the hop's transaction, and frees its place in the bounded
buffer. It commits nothing: the position is in the commit record, and Faust's own committing is switched off.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, cast

import faust
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage
from mode.services import Service

from schemas.record import RawBatch

__all__ = ["BatchConsumer", "BatchSchema", "BatchSource", "BatchTransport", "acknowledge"]

PAUSED_LOOK_S = 10.0
"""How often the paused driver looks for something to fetch; a new assignment wakes it at once."""


class BatchSource(Protocol):
    """Where batches come from: the runner of the hop."""

    async def next_batches(self) -> deque[tuple[int, RawBatch]]:
        """(generation of the assignment, batch) pairs; waits for a while, may have none. Take out what went on."""

    def is_current(self, generation: int) -> bool:
        """Whether batches of this generation may still be worked on."""

    async def wait_for_room(self) -> None:
        """Return when the hop may be given more: this is the backpressure."""


class BatchSchema(faust.Schema):  # type: ignore[misc]
    """Hands the batch through to the agent; nothing is decoded per message."""

    def compile(self, app: Any, **_options: Any) -> Callable[..., Any]:
        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(None, message.value, None, message)

        return decode


class BatchMessage(ConsumerMessage):  # type: ignore[misc]
    """What Faust routes: the batch as value, with the generation it was fetched in."""

    __slots__ = ("generation",)


def acknowledge(event: Any) -> None:
    """The range of this event is taken over. Call after the body, never in a `finally`."""
    event.ack()


class _PausedListener(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    """Pauses every assigned partition in the aiokafka client before its fetcher gets a turn."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._thread._ensure_consumer().pause(*assigned)
        await super().on_partitions_assigned(assigned)


class _PausedThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The driver's thread, whose client has nothing to fetch and need not look five times a second whether it has."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # consumer_timeout_ms of its constructor, which Faust does not pass on.
        consumer._consumer_timeout = PAUSED_LOOK_S
        return consumer


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer with the bytes coming from elsewhere, and without commits of its own."""

    RebalanceListener = _PausedListener

    def _new_consumer_thread(self) -> _PausedThread:
        return _PausedThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Faust's fetcher runs this: hand batches to the agents until told to stop."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._drain_once()
        except asyncio.CancelledError:
            # During a rebalance Faust takes a cancelled fetcher for a crashed one, even when it is told to stop.
            if not (self.app.should_stop or self.should_stop or fetcher.should_stop):
                raise

    async def _drain_once(self) -> None:
        source = cast(BatchSource, self.app.source)
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
            return
        batches = await source.next_batches()
        while batches:
            await source.wait_for_room()
            if not self.flow_active:
                return
            generation, batch = batches[0]
            if source.is_current(generation):
                await self._deliver(generation, batch)
            batches.popleft()
        await asyncio.sleep(0)

    async def _deliver(self, generation: int, batch: RawBatch) -> None:
        place = ensure_TP(self._new_topicpartition(batch.topic, batch.partition))
        message = BatchMessage(
            batch.topic,
            batch.partition,
            batch.offsets[0],
            batch.timestamps[0] / 1000,
            0,
            None,
            None,
            batch,
            None,
            tp=place,
            generation_id=self.app.consumer_generation_id,
        )
        message.generation = generation
        await self.wait_first(self.callback(message), self.suspend_flow.wait())

    def ack(self, message: Any) -> bool:
        """Range acknowledgement: marks the whole batch, keeps no list of offsets."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    def close(self) -> None:
        """Nothing: Faust calls it when a rebalance meets a worker that is stopping, and then the thread that stops the
        client finds it closed and never tells the group that it leaves."""

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Positions are committed by the hop's transactions; the group's offsets are not used."""
        return False

    async def perform_seek(self) -> None:
        """Positions come from the commit records, which the runner has read."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _commit_handler(self) -> None:
        """Replaces the commit timer."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _commit_livelock_detector(self) -> None:
        """Replaces a check that looks at the paused driver: stop when the group's coordination has died.

        It tells only those who poll the driver, and nobody does: the worker would sit without partitions for ever.
        """
        while not self.should_stop:
            await self.sleep(2.0)
            coordinator = getattr(self._thread._consumer, "_coordinator", None)
            task = getattr(coordinator, "_coordination_task", None)
            if task is not None and task.done() and not (self.should_stop or self.app.should_stop):
                self.app.source.stop_on(RuntimeError("the coordination of the consumer group has ended; see above"))

    async def highwaters(self, *partitions: Any) -> Mapping[Any, int]:
        """Nobody asks the paused driver."""
        return dict.fromkeys(partitions, 0)


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """The transport an app uses to get a `BatchConsumer`."""

    Consumer = BatchConsumer
