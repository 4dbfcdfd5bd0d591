"""Where the logs begin and end now: one question to the broker for a whole topic."""

from typing import Any

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from pipeline.connection import client_options
from pipeline.settings import Settings

__all__ = ["LogEnds"]

ANSWER_WITHIN_S = 15.0


class LogEnds:
    """Asks the broker about logs, over a connection of its own: on a consumer's, questions wait for its long polls."""

    def __init__(self, settings: Settings) -> None:
        self._admin = AdminClient(client_options(settings))

    def ends(self, topic: str, partitions: int) -> dict[int, int]:
        """The offset after the last record of each partition, control records and open transactions included.

        Not the last *stable* offset: another writer's open transaction may hold that back below what is committed.
        Raises KafkaException when the broker does not answer.
        """
        return self._ask(topic, partitions, OffsetSpec.latest())

    def starts(self, topic: str, partitions: int) -> dict[int, int]:
        """The first offset that retention has left in each partition. Raises KafkaException likewise."""
        return self._ask(topic, partitions, OffsetSpec.earliest())

    def _ask(self, topic: str, partitions: int, spec: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(topic, partition): spec for partition in range(partitions)}
        answers: dict[TopicPartition, Any] = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=ANSWER_WITHIN_S
        )
        return {place.partition: answer.result(ANSWER_WITHIN_S).offset for place, answer in answers.items()}
