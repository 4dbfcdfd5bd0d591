"""Reads a topic as a bystander and decodes what passes: raw records, batches of events, rejections, accounts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from pipeline.consumer import LogReader
from pipeline.registry import Registry
from pipeline.settings import Settings
from pipeline.topics import found_topics
from schemas.batches import SCHEMAS, from_wire
from schemas.decoding import DecodeContext, decode
from schemas.event import Event
from schemas.outcomes import ConfigError
from schemas.record import RawBatch

__all__ = ["decoded", "tap"]

_JSON_COLUMNS = {"properties", "set", "set_once", "unset", "person_properties", "headers"}


def tap(settings: Settings, topic: str, from_beginning: bool) -> Iterator[dict[str, Any] | None]:
    """Rows as they come, for ever; None when nothing came for half a second.

    Raises ConfigError for a topic that does not exist, LogChanged when it is gone.
    """
    name = settings.topics.named(topic)
    found = found_topics(settings, [name])
    if name not in found:
        raise ConfigError(f"the topic {name} does not exist: create it with headrace topics create")
    decode_batch = _RawRows(settings).rows if topic == "events.raw" else partial(decoded, topic)
    reader = LogReader(settings)
    try:
        starts = {}
        for partition in range(found[name].partitions):
            low, high = reader.end(name, partition)
            starts[(name, partition)] = low if from_beginning else high
        reader.assign(starts, {name: found[name].log})
        while True:
            batches = reader.read(0.5)
            if not batches:
                yield None
            for batch in batches:
                yield from decode_batch(batch)
    finally:
        reader.close()


class _RawRows:
    """Records of events.raw as accept understands them, in whatever form they were sent."""

    def __init__(self, settings: Settings) -> None:
        self._registry = Registry(settings.registry)
        self._context = DecodeContext(projects=settings.tokens, limits=settings.limits, avro=self._registry.known)

    def rows(self, batch: RawBatch) -> Iterator[dict[str, Any]]:
        """An event's fields, or why it will be rejected. Raises Retry for want of a schema."""
        self._registry.fetch(self._registry.missing(batch.values))
        for index, verdict in enumerate(decode(batch, self._context)):
            place = {"_partition": batch.partition, "_offset": batch.offsets[index]}
            fields = msgspec.structs.asdict(verdict)
            if isinstance(verdict, Event):
                fields.pop("repaired")
                yield {**place, **{name: _field(name, value) for name, value in fields.items()}}
            else:
                begin = (batch.values[index] or b"")[:500].decode("utf-8", "replace")
                yield {**place, "rejected": fields.pop("code").value, **fields, "value": begin}


def decoded(topic: str, batch: RawBatch) -> Iterator[dict[str, Any]]:
    """The rows of a batch of messages of an internal topic, with their places."""
    for index, value in enumerate(batch.values):
        place = {"_partition": batch.partition, "_offset": batch.offsets[index]}
        if topic in SCHEMAS:
            for number, row in enumerate(from_wire(value or b"", SCHEMAS[topic]).to_pylist()):
                yield {**place, "_row": number, **{name: _plain(name, found) for name, found in row.items()}}
        else:
            yield {**place, **_fields(value or b"")}


def _field(name: str, value: Any) -> Any:
    """An event's field; its times are microseconds."""
    if name in ("timestamp", "received_at"):
        return _plain(name, datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000))
    return _plain(name, value)


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
