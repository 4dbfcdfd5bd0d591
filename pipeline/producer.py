"""Writing to Kafka: one transaction per partition and commit interval holds everything, or nothing happens.

The transactional id is app, hop and partition number. Opening a transactor fences whoever owned the partition
before, at the broker; the fenced owner's next commit fails and ends its process. A transaction is begun, filled
and committed in one call, after everything it will hold is known: none is ever left open across an await.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.connection import client_options
from pipeline.settings import Settings

__all__ = ["Transactor", "Outgoing", "Fenced", "CommitFailed", "plain_producer", "transactional_id"]


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One message to write. Every internal topic is written with an explicit partition."""

    topic: str
    partition: int
    value: bytes | None
    key: bytes | None = None
    headers: list[tuple[str, bytes]] | None = None


EMBEDDED_PATIENCE = 4


class Fenced(Exception):
    """Another worker has taken the partition over. This process holds nothing any more and must end."""


class CommitFailed(Exception):
    """The transaction was aborted or its fate is unknown. The worker stops; the log tells its successor."""


class Transactor:
    """The transactional producer of one hop and partition. Calls block: run them in a thread."""

    def __init__(self, settings: Settings, hop: str, partition: int) -> None:
        # The embedded broker takes a few thousand records a second beside a large import, and nobody's reading waits
        # for its transactions: better slow than started over, and over.
        self._timeout_s = settings.commit.transaction_timeout_s * (EMBEDDED_PATIENCE if settings.broker.embedded else 1)
        self._name = transactional_id(settings, hop, partition)
        self._producer = Producer(
            {
                **client_options(settings),
                **_limits(settings),
                "transactional.id": self._name,
                "transaction.timeout.ms": int(self._timeout_s * 1000),
                # A commit flushes at once; lingering would only delay the messages before it.
                "linger.ms": 5 if not settings.broker.embedded else 0,
            }
        )

    def open(self) -> None:
        """Fence the previous owner and abort what it left open. Raises Fenced or CommitFailed."""
        self._persist(self._producer.init_transactions)

    def commit(self, messages: Sequence[Outgoing], last: Outgoing) -> int:
        """Write everything in one transaction; the offset after its last record. Raises Fenced or CommitFailed.

        When this raises, nothing was written, or nobody knows: stop, and let the log tell. A message that could not be
        delivered fails the commit: the client guarantees it, so no delivery report is needed but that of the commit
        record, which is the last.
        """
        end: list[int] = []
        try:
            self._producer.begin_transaction()
            for message in messages:
                self._produce(message)
            # A report that raised would break out of the client's own error; undelivered, the commit fails.
            self._produce(last, lambda error, written: None if error else end.append(written.offset() + 1))
        except KafkaException as problem:
            raise self._abort(problem) from problem
        self._persist(self._producer.commit_transaction)
        return end[0]

    def close(self) -> None:
        """Let go without flushing: whatever is not committed must not be written by us any more."""
        self._producer.purge()
        self._producer.close()

    def _produce(self, message: Outgoing, report: Callable[[Any, Any], None] | None = None) -> None:
        options: dict[str, Any] = {} if report is None else {"on_delivery": report}
        if message.headers is not None:
            options["headers"] = message.headers
        while True:
            try:
                self._producer.produce(
                    message.topic, message.value, key=message.key, partition=message.partition, **options
                )
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def _persist(self, step: Any) -> None:
        """Repeat a step while the broker says that it may be repeated, within the transaction's time."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                step(5.0)
            except KafkaException as problem:
                error = problem.args[0]
                if not error.retriable() or time.monotonic() > deadline:
                    raise self._abort(problem) from problem
                time.sleep(0.05)
            else:
                return

    def _abort(self, problem: KafkaException) -> Exception:
        error = problem.args[0]
        fenced = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)
        if error.code() in fenced:
            return Fenced(f"{self._name}: another worker has taken this partition over")
        if error.txn_requires_abort():
            try:
                self._producer.abort_transaction(5.0)
            except KafkaException as second:
                return CommitFailed(f"{self._name}: {error}; aborting failed as well: {second}")
        return CommitFailed(f"{self._name}: {error}")


def plain_producer(settings: Settings, **overrides: Any) -> Producer:
    """An idempotent producer for the command line and the importer, outside any transaction."""
    return Producer(
        {
            **client_options(settings),
            **_limits(settings),
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            **overrides,
        }
    )


def transactional_id(settings: Settings, hop: str, partition: int) -> str:
    """Who writes for this partition of this hop: one name, so that one owner fences the other."""
    return f"{settings.app}-{hop}-{partition}"


def _limits(settings: Settings) -> Mapping[str, Any]:
    limits: dict[str, Any] = {
        "message.max.bytes": 16 * 1024 * 1024,
        "queue.buffering.max.kbytes": 256 * 1024,
        "queue.buffering.max.messages": 200_000,
    }
    if settings.broker.embedded:
        # The embedded broker reports too low an end offset after a record batch of several messages.
        limits["batch.num.messages"] = 1
    return limits
