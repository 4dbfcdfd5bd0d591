"""The topics: what each carries, how long it is kept, and creating and identifying them."""

import threading
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.connection import client_options
from pipeline.settings import Settings
from schemas.outcomes import Retry

__all__ = ["TopicPlan", "catalogue", "create_missing", "topic_ids"]

_DAY_MS = 24 * 3600 * 1000
_MIB = 1024 * 1024
_clients = threading.local()


class TopicPlan(msgspec.Struct, frozen=True):
    """One topic as it must exist."""

    name: str
    partitions: int
    carries: str
    compacted: bool = False
    retention_ms: int = 7 * _DAY_MS
    message_bytes_max: int = 8 * _MIB

    def config(self) -> dict[str, str]:
        """The broker's settings for the topic."""
        config = {"max.message.bytes": str(self.message_bytes_max)}
        if self.compacted:
            return config | {"cleanup.policy": "compact"}
        return config | {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}


def catalogue(settings: Settings) -> list[TopicPlan]:
    """Every topic this installation uses."""
    named, count = settings.topics.named, settings.topics.partitions
    plans = [
        TopicPlan(named("events.raw"), settings.topics.raw_partitions, "what producers send"),
        TopicPlan(named("events.accepted"), count, "decoded and validated events, in batches"),
        TopicPlan(named("events.prepared"), count, "events with person and session, in batches"),
        TopicPlan(
            named("events.rejected"),
            count,
            "rejected records with their reasons",
            retention_ms=30 * _DAY_MS,
            message_bytes_max=16 * _MIB,
        ),
        TopicPlan(named("accounts"), count, "counters of every commit", compacted=True),
    ]
    hops = [("accept", settings.topics.raw_partitions), ("resolve", count)]
    hops += [(f"deliver-{destination.name}", count) for destination in settings.destinations]
    for hop, partitions in hops:
        plans.append(TopicPlan(f"{settings.app}-{hop}-state", partitions, f"state of {hop}", compacted=True))
    return plans


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


def topic_ids(settings: Settings, names: Sequence[str]) -> dict[str, bytes]:
    """The ids (KIP-516) the topics have now; a topic that does not exist is left out. Raises Retry."""
    admin = _admin(settings)
    found: dict[str, bytes] = {}
    for name, future in admin.describe_topics(TopicCollection(list(names)), request_timeout=10).items():
        try:
            description: Any = future.result(15)
        except KafkaException as problem:
            if problem.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise Retry(f"the broker does not say what {name} is: {problem.args[0]}") from problem
        else:
            found[name] = uuid.UUID(str(_hex(description.topic_id))).bytes
    return found


def _hex(topic_id: Any) -> str:
    """The client shows an id as two signed 64-bit halves."""
    high, low = topic_id.get_most_significant_bits(), topic_id.get_least_significant_bits()
    return f"{high & (2**64 - 1):016x}{low & (2**64 - 1):016x}"


def _admin(settings: Settings) -> AdminClient:
    """One client a thread and cluster, kept: it must live until its answers are in."""
    clients = _clients.__dict__.setdefault("by_cluster", {})
    key = settings.broker.bootstrap
    if key not in clients:
        clients[key] = AdminClient(client_options(settings))
    found: AdminClient = clients[key]
    return found
