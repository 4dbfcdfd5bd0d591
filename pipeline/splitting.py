"""Writes the record that splits a person: a line in the log of claims, which identify answers like the others."""

import uuid
from typing import Any

from pipeline.claims import SPLIT
from pipeline.facts import claims_key, sent
from pipeline.producer import plain_producer
from pipeline.routing import partitions_of
from pipeline.settings import Settings
from schemas.batches import COMMAND_HEADER, batch_headers, to_wire
from schemas.outcomes import Retry

__all__ = ["split"]

ACKNOWLEDGED_WITHIN_S = 30.0


def split(settings: Settings, project: int, distinct_id: str, at_us: int) -> int:
    """Split the person of a distinct id as of a time (microseconds); the offset of the record in identity.claims.

    Raises Retry when the broker does not take it.
    """
    partition = int(partitions_of([claims_key(project)], settings.topics.partitions)[0])
    [record] = sent("identity.claims", partition, [(project, SPLIT, distinct_id, "", at_us, uuid.uuid4().bytes)])
    answers: list[tuple[Any, int]] = []
    producer = plain_producer(settings)
    producer.produce(
        settings.topics.named("identity.claims"),
        to_wire(record.rows),
        partition=partition,
        headers=[*batch_headers(record.rows), (COMMAND_HEADER, b"split")],
        on_delivery=lambda error, message: answers.append((error, message.offset())),
    )
    producer.flush(ACKNOWLEDGED_WITHIN_S)
    if not answers:
        raise Retry(
            f"the broker at {settings.broker.bootstrap} does not answer; it is not known whether the split was "
            "written: see headrace person explain when it runs again"
        )
    error, offset = answers[0]
    if error is not None:
        raise Retry(f"the broker refuses the split, nothing was changed: {error.str()}")
    return offset
