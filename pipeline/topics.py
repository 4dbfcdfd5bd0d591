"""The topics: what each carries, how long it is kept, and creating and identifying them."""

import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.connection import client_options
from pipeline.settings import Settings
from schemas.outcomes import Retry

__all__ = [
    "DELIVERED",
    "KEEPING_STATE",
    "TopicPlan",
    "FoundTopic",
    "catalogue",
    "create_missing",
    "cut_logs",
    "deviations",
    "found_topics",
    "topic_ids",
]

logger = logging.getLogger(__name__)

DELIVERED = (
    "events.prepared",
    "persons",
    "identity.mappings",
    "session.starts",
    "ingestion.warnings",
    "events.rejected",
    "accounts",
)
"""What a destination may be given, without the installation's prefix."""
KEEPING_STATE = ("resolve", "identify", "people")
"""Hops whose changelog holds more than the record of their last commit: it is cut, not compacted."""
_DAY_MS = 24 * 3600 * 1000
_MIB = 1024 * 1024
_clients: dict[str, AdminClient] = {}
_making = threading.Lock()


class TopicPlan(msgspec.Struct, frozen=True):
    """One topic as it must exist."""

    name: str
    partitions: int
    carries: str
    sized_by: str = "partitions"
    """The key of the section `topics` that gives the number of partitions."""
    compacted: bool = False
    retention_ms: int = 7 * _DAY_MS
    message_bytes_max: int = 8 * _MIB

    def config(self) -> dict[str, str]:
        """The broker's settings for the topic."""
        config = {"max.message.bytes": str(self.message_bytes_max)}
        if self.compacted:
            return config | {"cleanup.policy": "compact"}
        return config | {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}


class FoundTopic(msgspec.Struct, frozen=True):
    """One topic as it exists."""

    log: bytes
    """The topic id (KIP-516), 16 bytes."""
    partitions: int


def catalogue(settings: Settings) -> list[TopicPlan]:
    """Every topic this installation uses."""
    named, count = settings.topics.named, settings.topics.partitions
    plans = [
        TopicPlan(named("events.raw"), settings.topics.raw_partitions, "what producers send", "raw_partitions"),
        TopicPlan(named("events.accepted"), count, "decoded and validated events, in batches"),
        TopicPlan(named("events.prepared"), count, "events with person and session, in batches"),
        TopicPlan(
            named("events.rejected"),
            count,
            "rejected records with their reasons",
            retention_ms=30 * _DAY_MS,
            message_bytes_max=16 * _MIB,
        ),
        TopicPlan(
            named("identity.claims"), count, "claims that two distinct ids are one person, and splits", retention_ms=-1
        ),
        TopicPlan(named("identity.mappings"), count, "who is whose person, in batches"),
        TopicPlan(named("person.changes"), count, "what distinct ids say of their people, in batches"),
        TopicPlan(named("person.views"), count, "how people look, for their distinct ids, in batches"),
        TopicPlan(named("persons"), count, "people as they are now, in batches"),
        TopicPlan(named("session.starts"), count, "what became of the starts of sessions, in batches"),
        TopicPlan(named("ingestion.warnings"), count, "what was refused of events that went on, in batches"),
        TopicPlan(named("accounts"), count, "counters of every commit", compacted=True),
    ]
    for hop in KEEPING_STATE:
        plans.append(TopicPlan(f"{settings.app}-{hop}-state", count, f"state of {hop}, cut by itself", retention_ms=-1))
    # These keep nothing but the record of their last commit.
    plans.append(_compacted_state(settings, "accept", "raw_partitions"))
    plans += [_compacted_state(settings, f"deliver-{one.name}", "partitions") for one in settings.destinations]
    return plans


def _compacted_state(settings: Settings, hop: str, sized_by: str) -> TopicPlan:
    partitions = getattr(settings.topics, sized_by)
    return TopicPlan(f"{settings.app}-{hop}-state", partitions, f"state of {hop}", sized_by, compacted=True)


def create_missing(settings: Settings) -> list[str]:
    """Create what does not exist and return its names. Raises KafkaException when the broker refuses."""
    admin = _admin(settings)
    wanted = [
        NewTopic(plan.name, plan.partitions, settings.topics.replication, config=plan.config())
        for plan in catalogue(settings)
    ]
    created = []
    for name, future in admin.create_topics(wanted, operation_timeout=30).items():
        try:
            future.result(60)
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        else:
            created.append(name)
    return created


def deviations(settings: Settings, found: Mapping[str, FoundTopic]) -> list[str]:
    """What is not as the catalogue has it, each with the remedy: topics with other partition counts than configured."""
    said = []
    for plan in catalogue(settings):
        if plan.name not in found:
            said.append(f"{plan.name} does not exist: create it with headrace topics create")
        elif found[plan.name].partitions != plan.partitions:
            count, key = found[plan.name].partitions, f"topics.{plan.sized_by}"
            said.append(f"{plan.name} has {count} partitions, configured are {plan.partitions}: set {key} to {count}")
    return said


def topic_ids(settings: Settings, names: Sequence[str]) -> dict[str, bytes]:
    """The ids (KIP-516) the topics have now; a topic that does not exist is left out. Raises Retry."""
    return {name: topic.log for name, topic in found_topics(settings, names).items()}


def found_topics(settings: Settings, names: Sequence[str]) -> dict[str, FoundTopic]:
    """The topics as they are now; one that does not exist is left out. Raises Retry."""
    admin = _admin(settings)
    found: dict[str, FoundTopic] = {}
    for name, future in admin.describe_topics(TopicCollection(list(names)), request_timeout=10).items():
        try:
            description: Any = future.result(15)
        except KafkaException as problem:
            error = problem.args[0]
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue
            if error.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                servers = settings.broker.bootstrap
                raise Retry(f"the broker at {servers} does not answer; is it running? (headrace status)") from problem
            raise Retry(f"the broker does not say what {name} is: {error}") from problem
        log = uuid.UUID(_hex(description.topic_id)).bytes
        found[name] = FoundTopic(log, len(description.partitions))
    return found


def cut_logs(settings: Settings, before: Mapping[tuple[str, int], int]) -> None:
    """Let go of what stands before these offsets, by (topic, partition).

    Where that fails the log is longer than needed, and whoever reads it reads more: that is said, and nothing else.
    """
    asked = [TopicPartition(topic, partition, offset) for (topic, partition), offset in before.items()]
    for place, future in _admin(settings).delete_records(asked, request_timeout=10).items():
        try:
            future.result(15)
        except (KafkaException, TimeoutError) as problem:
            logger.warning(
                "the broker does not cut %s, partition %d, which grows: %s. Allow the user of section broker to delete "
                "from it, and see that its cleanup.policy is delete.",
                place.topic,
                place.partition,
                problem,
            )


def _hex(topic_id: Any) -> str:
    """The client shows an id as two signed 64-bit halves."""
    high, low = topic_id.get_most_significant_bits(), topic_id.get_least_significant_bits()
    return f"{high & (2**64 - 1):016x}{low & (2**64 - 1):016x}"


def _admin(settings: Settings) -> AdminClient:
    """One client a cluster, kept, for all threads: each brings a connection and four threads that wake every second."""
    key = settings.broker.bootstrap
    with _making:
        if key not in _clients:
            # What it would log, hundreds of lines while a broker is away, its callers raise.
            _clients[key] = AdminClient({**client_options(settings), "log_level": 0})
        return _clients[key]
