"""Reading from Kafka: whole batches of one partition, read committed, from positions of our own.

Faust owns the group and the assignment; the bytes come through librdkafka, which costs a third of what the
framework's own fetcher does. Group offsets are never read: the position is the commit record's.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from time import monotonic, sleep

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.connection import client_options
from pipeline.settings import Settings
from pipeline.tolerance import or_none
from schemas.record import Headers, RawBatch

__all__ = ["LogReader", "LogChanged", "Place", "headers_of", "read_to_end"]

logger = logging.getLogger(__name__)

Place = tuple[str, int]
"""A topic's name and a partition."""
_LEADERLESS = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
"""What a broker says of a partition that was just created or has just lost its leader: it passes."""
_ELECTION_S = 30.0
_REFUSALS = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._AUTHENTICATION)
"""What does not pass by waiting: a worker that went on would idle beside a growing lag, and look healthy."""


class LogChanged(Exception):
    """A topic was deleted, created again or cut behind our back. Stop; the successor finds the new log."""


class LogReader:
    """One librdkafka consumer with a manual assignment. Not thread-safe: one thread calls it."""

    def __init__(self, settings: Settings, records_max: int = 1_000) -> None:
        self._records_max = records_max
        self._gather_s = settings.fetch.gather_ms / 1000
        self._consumer = Consumer(
            {
                **client_options(settings),
                "group.id": f"{settings.app}-reader",  # required by the client, never used for offsets
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # The embedded broker shows aborted records anyway, and now and then holds committed ones back for ever:
                # its last stable offset stays behind when several transactions end at once.
                "isolation.level": "read_uncommitted" if settings.broker.embedded else "read_committed",
                # A position outside the log is never guessed away: the log was cut or is another one.
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                # With bounded queues the default of a second cuts the throughput to a quarter.
                "fetch.queue.backoff.ms": 10,
                "fetch.wait.max.ms": settings.fetch.wait_ms,
                # A fetch answer is held whole and unpacked to several times its size. A larger message still comes.
                "fetch.message.max.bytes": 1024 * 1024,
                "fetch.max.bytes": 8 * 1024 * 1024,
                "receive.message.max.bytes": 64 * 1024 * 1024,
                "queued.max.messages.kbytes": settings.fetch.queue_kilobytes,
                "enable.partition.eof": False,
            }
        )
        self._topic_ids: dict[str, bytes] = {}
        self._next: dict[Place, int] = {}

    def assign(self, positions: Mapping[Place, int], topic_ids: Mapping[str, bytes]) -> None:
        """Read these partitions from these offsets, and nothing else."""
        self._topic_ids, self._next = dict(topic_ids), dict(positions)
        self._consumer.assign([TopicPartition(topic, part, at) for (topic, part), at in positions.items()])

    def read(self, timeout_s: float) -> list[RawBatch]:
        """Wait for a first record, then gather what comes within a moment. Raises LogChanged."""
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        more = self._consumer.consume(self._records_max - 1, self._gather_s)
        return list(self._batches([first, *more]))

    def end(self, topic: str, partition: int) -> tuple[int, int]:
        """The log's first and last stable offset now. Asks again while a leader is being elected."""
        deadline = monotonic() + _ELECTION_S
        while True:
            try:
                low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            except KafkaException as problem:
                if problem.args[0].code() not in _LEADERLESS or monotonic() > deadline:
                    raise
                sleep(0.1)
            else:
                return int(low), int(high)

    def since(self, topic: str, partition: int, timestamp_ms: int) -> int:
        """The offset of the first record that is not older; the log's end where there is none."""
        asked = [TopicPartition(topic, partition, timestamp_ms)]
        found = int(self._consumer.offsets_for_times(asked, timeout=10)[0].offset)
        return found if found >= 0 else self.end(topic, partition)[1]

    def position(self, place: Place) -> int:
        """The offset after the last record handed over, control records counted; negative before the first."""
        return int(self._consumer.position([TopicPartition(*place)])[0].offset)

    def close(self) -> None:
        self._consumer.close()

    def _batches(self, messages: Sequence[Message]) -> Iterator[RawBatch]:
        for (topic, partition), found in _by_place(messages).items():
            batch = as_batch(topic, self._topic_ids[topic], partition, found, self._next[topic, partition])
            self._next[topic, partition] = batch.offsets[-1] + 1
            yield batch


def _by_place(messages: Sequence[Message]) -> dict[Place, list[Message]]:
    """What is no error, by where it stands. They come in long runs of one partition."""
    if any(map(Message.error, messages)):
        for problem in filter(None, map(Message.error, messages)):
            _raise_for(problem)
        messages = [message for message in messages if message.error() is None]
    by_place: dict[Place, list[Message]] = {}
    for topic, of_topic in groupby(messages, Message.topic):
        for partition, run in groupby(of_topic, Message.partition):
            by_place.setdefault((topic, partition), []).extend(run)
    return by_place


def as_batch(topic: str, topic_id: bytes, partition: int, messages: list[Message], after: int) -> RawBatch:
    """Messages of one partition, in columns. A `map` of a method spares a third of its calls in a loop."""
    return RawBatch(
        topic=topic,
        topic_id=topic_id,
        partition=partition,
        offsets=list(map(Message.offset, messages)),
        timestamps=[at for _, at in map(Message.timestamp, messages)],
        values=list(map(Message.value, messages)),
        keys=list(map(Message.key, messages)),
        headers=headers_of(map(Message.headers, messages), len(messages)),
        after=after,
    )


def headers_of(read: Iterator[Headers | None], count: int) -> list[Headers | None]:
    """The headers of so many messages; None for one whose headers the client cannot read.

    A header's name may be any bytes. Of those that are not UTF-8 the client makes an error, which must not stop a
    partition for ever. Nobody may ask the message again: it would then answer with a name that is no object.
    """
    return or_none(read, count, (SystemError, UnicodeDecodeError))


def read_to_end(
    settings: Settings, starts: Mapping[Place, int], topic_ids: Mapping[str, bytes], from_there: bool = False
) -> Iterator[tuple[RawBatch, int]]:
    """All committed records from the starts to the logs' ends at the time of the call, with the offset after each.

    A log that begins behind its start is read from its beginning, or raises LogChanged where `from_there` is asked.

    The end is compared with the consumer's position: the end offset counts control records, which are never
    delivered, so waiting for the last record would wait for ever.
    """
    reader = LogReader(settings)
    try:
        ends: dict[Place, int] = {}
        positions: dict[Place, int] = {}
        for (topic, partition), start in starts.items():
            low, high = reader.end(topic, partition)
            if from_there and start < low:
                raise LogChanged(f"{topic}, partition {partition}: it begins at {low} by now, not at {start}")
            if high > max(start, low):
                ends[(topic, partition)] = high
                positions[(topic, partition)] = max(start, low)
        if ends:
            reader.assign(positions, topic_ids)
        while ends:
            for batch in reader.read(0.1):
                yield batch, batch.offsets[-1] + 1
            for place in [place for place, end in ends.items() if reader.position(place) >= end]:
                del ends[place]
    finally:
        reader.close()


def _raise_for(error: KafkaError) -> None:
    """Passing trouble is left to the client, which reconnects; a log that is not the one we knew is not."""
    gone = (
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    )
    if error.code() in gone:
        raise LogChanged(f"{error}: the topic was deleted, created again or cut below our position")
    if error.code() in _REFUSALS:
        raise PermissionError(
            f"{error}: allow the user of section broker to read the topic, or correct its credentials"
        )
    if error.fatal():
        raise KafkaException(error)
    logger.info("the broker says: %s; reading goes on when it passes", error)


def log_end(settings: Settings, topic: str, partition: int) -> tuple[int, int]:
    """The log's first offset and its end now. Opens a client of its own: for take-over, not for every commit."""
    reader = LogReader(settings)
    try:
        return reader.end(topic, partition)
    finally:
        reader.close()
