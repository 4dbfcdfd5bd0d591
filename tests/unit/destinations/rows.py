"""Prepared events and blocks of them, as small as a test wants them."""

import uuid
from typing import Any

import pyarrow as pa

from schemas.batches import PREPARED, REJECTED
from schemas.block import Block

__all__ = ["LOG", "block", "month", "prepared", "rejected"]

LOG = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


def month(number: int) -> int:
    """The beginning of the month so many months after January 1970, in microseconds."""
    days = (pa.scalar(f"{1970 + number // 12}-{number % 12 + 1:02}-01").cast(pa.date32())).cast(pa.int32())
    return int(days.as_py()) * 86_400_000_000


def prepared(count: int = 1, first: int = 1, **columns: list[Any]) -> pa.RecordBatch:
    """Events with the uuids `first` to `first + count - 1`; columns given here hold what they are given."""
    return _rows(PREPARED, count, {"uuid": [uuid.UUID(int=first + row).bytes for row in range(count)], **columns})


def rejected(count: int = 1, **columns: list[Any]) -> pa.RecordBatch:
    """Rejected records at the offsets 0 to `count - 1`."""
    return _rows(REJECTED, count, {"offset": list(range(count)), **columns})


def block(*batches: pa.RecordBatch, first: int = 0, topic: str = "events.prepared") -> Block:
    """A block of one message a batch, from offset `first` on."""
    messages = tuple((first + number, batch) for number, batch in enumerate(batches))
    return Block(topic, LOG.bytes, 0, first, first + len(batches) - 1, messages)


def _rows(schema: pa.Schema, count: int, columns: dict[str, list[Any]]) -> pa.RecordBatch:
    arrays = [pa.array(columns.get(field.name, [_plain(field.type)] * count), field.type) for field in schema]
    return pa.record_batch(arrays, schema=schema)


def _plain(kind: pa.DataType) -> Any:
    if kind == pa.binary(16):
        return bytes(16)
    if kind == pa.binary():
        return b"{}"
    return {pa.string(): "x", pa.bool_(): True}.get(kind, 1)
