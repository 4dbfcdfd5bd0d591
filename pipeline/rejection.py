"""Rejected records as rows of events.rejected: the original bytes, where they came from, and why."""

import base64
from collections.abc import Sequence

import msgspec
import pyarrow as pa

from schemas.batches import REJECTED
from schemas.event import Rejected
from schemas.record import Headers, RawBatch

__all__ = ["rejected_records", "rejected_rows"]

ROW_BYTES_MAX = 14_000_000
"""Of an original with its key and headers: of 16 MiB that a message of events.rejected may have. What the topic takes
is less, but compressed: opened, a record may be many times that, and another compression does not make it so small."""
PART_BYTES_MAX = 4_000_000
"""Of each of the three that is kept of a larger one."""
LAST_MS = 9_214_646_399_999
"""The end of 2261: a producer may write any time into a record, and a column holds no more."""


def rejected_records(records: RawBatch, found: Sequence[tuple[int, Rejected]]) -> pa.RecordBatch:
    """Rows for raw records: `found` pairs an index of the batch with its rejection."""
    indexes = [index for index, _ in found]
    originals = [
        _fitting(rejection, records.keys[index], records.values[index], _headers(records.headers[index]))
        for index, rejection in found
    ]
    return _rows(
        [rejection for rejection, _, _, _ in originals],
        stage="accept",
        destination="",
        topic=records.topic,
        log=records.topic_id,
        partition=records.partition,
        offsets=[records.offsets[index] for index in indexes],
        rows=[0] * len(indexes),
        micros=[min(max(records.timestamps[index], 0), LAST_MS) * 1000 for index in indexes],
        keys=[key for _, key, _, _ in originals],
        values=[value for _, _, value, _ in originals],
        headers=[headers for _, _, _, headers in originals],
    )


def rejected_rows(
    batch: pa.RecordBatch,
    found: Sequence[tuple[int, Rejected]],
    *,
    destination: str,
    place: tuple[str, bytes, int, int],
) -> pa.RecordBatch:
    """Rows for prepared events that a destination refused: `found` pairs a row of the batch with its rejection.

    The value is the prepared row as JSON, the position its place (topic, topic id, partition, offset, row).
    """
    topic, log, partition, offset = place
    rows = [row for row, _ in found]
    return _rows(
        [rejection for _, rejection in found],
        stage="deliver",
        destination=destination,
        topic=topic,
        log=log,
        partition=partition,
        offsets=[offset] * len(rows),
        rows=rows,
        micros=[0] * len(rows),
        keys=[None] * len(rows),
        values=[_as_json(batch, row) for row in rows],
        headers=[b"[]"] * len(rows),
    )


def _rows(
    rejections: Sequence[Rejected],
    *,
    stage: str,
    destination: str,
    topic: str,
    log: bytes,
    partition: int,
    offsets: Sequence[int],
    rows: Sequence[int],
    micros: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    headers: Sequence[bytes],
) -> pa.RecordBatch:
    count = len(rejections)
    columns = [
        [rejection.code.value for rejection in rejections],
        [stage] * count,
        [rejection.message for rejection in rejections],
        [rejection.project for rejection in rejections],
        [destination] * count,
        [topic] * count,
        [log] * count,
        [partition] * count,
        offsets,
        rows,
        micros,
        keys,
        values,
        headers,
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, REJECTED, strict=True)]
    return pa.record_batch(arrays, schema=REJECTED)


def _fitting(
    rejection: Rejected, key: bytes | None, value: bytes | None, headers: bytes
) -> tuple[Rejected, bytes | None, bytes | None, bytes]:
    """What is kept of an original: all of it, unless no topic takes that. Headers are kept whole or not at all."""
    size = len(key or b"") + len(value or b"") + len(headers)
    if size <= ROW_BYTES_MAX:
        return rejection, key, value, headers
    said = f"{rejection.message}; the record has {size} bytes with its key and headers; the beginning is kept"
    kept = headers if len(headers) <= PART_BYTES_MAX else b"[]"
    return (
        msgspec.structs.replace(rejection, message=said),
        key and key[:PART_BYTES_MAX],
        value and value[:PART_BYTES_MAX],
        kept,
    )


def _headers(headers: Headers | None) -> bytes:
    """A JSON array of [name, base64 or null]: header values may be any bytes."""
    named = [(name, value if value is None else base64.b64encode(value).decode()) for name, value in headers or ()]
    return msgspec.json.encode(named)


def _as_json(batch: pa.RecordBatch, row: int) -> bytes:
    def readable(value: object) -> object:
        if isinstance(value, bytes):
            return value.hex() if len(value) == 16 else value.decode("utf-8", "replace")
        return value

    fields = batch.slice(row, 1).to_pylist()[0]
    return msgspec.json.encode({name: readable(value) for name, value in fields.items()})
