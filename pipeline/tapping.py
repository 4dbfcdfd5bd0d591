"""Reads a topic as a bystander and decodes what passes: raw records, batches of events, rejections, accounts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.consumer import LogReader
from pipeline.settings import Settings
from pipeline.topics import catalogue, topic_ids
from schemas.batches import ACCEPTED, PREPARED, REJECTED, from_wire
from schemas.outcomes import ConfigError
from schemas.record import RawBatch

__all__ = ["decoded", "tap"]

SCHEMAS = {"events.accepted": ACCEPTED, "events.prepared": PREPARED, "events.rejected": REJECTED}
_JSON_COLUMNS = {"properties", "set", "set_once", "unset", "person_properties", "headers"}


def tap(settings: Settings, topic: str, from_beginning: bool) -> Iterator[dict[str, Any]]:
    """Rows as they come, for ever. Raises ConfigError for a topic that does not exist."""
    name = settings.topics.named(topic)
    plans = {plan.name: plan for plan in catalogue(settings)}
    ids = topic_ids(settings, [name])
    if name not in ids:
        raise ConfigError(f"the topic {name} does not exist: create it with headrace topics create")
    reader = LogReader(settings)
    try:
        starts = {}
        for partition in range(plans[name].partitions):
            low, high = reader.end(name, partition)
            starts[(name, partition)] = low if from_beginning else high
        reader.assign(starts, ids)
        while True:
            for batch in reader.read(0.5):
                yield from decoded(topic, batch)
    finally:
        reader.close()


def decoded(topic: str, batch: RawBatch) -> Iterator[dict[str, Any]]:
    """The rows of a batch of messages, with their places; what cannot be decoded is shown as text."""
    for index, value in enumerate(batch.values):
        place = {"_partition": batch.partition, "_offset": batch.offsets[index]}
        if topic in SCHEMAS:
            for number, row in enumerate(from_wire(value or b"", SCHEMAS[topic]).to_pylist()):
                yield {**place, "_row": number, **{name: _plain(name, found) for name, found in row.items()}}
        else:
            yield {**place, **_fields(value or b"")}


def _fields(value: bytes) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"value": value[:500].decode("utf-8", "replace")}
    return content if isinstance(content, dict) else {"value": content}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if not isinstance(value, bytes):
        return value
    if name in _JSON_COLUMNS:
        return msgspec.json.decode(value) if value else None
    if len(value) == 16 and name not in ("key", "value"):
        digits = value.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return value.decode("utf-8", "replace")
