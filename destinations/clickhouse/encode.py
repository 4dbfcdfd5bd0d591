"""A part of a block as the bytes of an insert: the columns go through untouched, the positions are added."""

from typing import Literal

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from schemas.block import Part

__all__ = ["Encoded", "encode", "table_of", "month_column_of"]

TABLES = {
    "events.prepared": "events",
    "events.rejected": "rejected_events",
    "persons": "persons",
    "identity.mappings": "person_distinct_id_overrides",
    "session.starts": "session_starts",
    "ingestion.warnings": "ingestion_warnings",
    "accounts": "accounts",
}
MONTH_COLUMNS = {"events": "timestamp", "rejected_events": "record_timestamp"}
"""The column whose month is a table's partition."""

_POSITION = [
    ("_log", pa.binary(16)),
    ("_partition", pa.int32()),
    ("_offset", pa.int64()),
    ("_row", pa.int32()),
    ("_epoch", pa.int64()),
]
Encoded = tuple[list[str], pa.Buffer]
"""Column names and an Arrow stream."""

_FRAME_BYTES = 4_096
_COLUMN_BYTES = 1_024
# A column's share of a message's header with the padding of its buffers is below 300 bytes.


def encode(part: Part, epoch: int, compression: Literal["none", "lz4"]) -> Encoded:
    """Column names and the rows as one Arrow stream, a batch per message, each row with its position.

    The bytes are written once, into memory of the right size: a growing buffer copies them twice more.
    """
    options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression, use_threads=False)
    batches = [_placed(part, epoch, offset, rows, batch) for offset, rows, batch in part.batches()]
    schema = batches[0].schema
    memory = pa.allocate_buffer(_bytes_max(batches))
    sink = pa.FixedSizeBufferWriter(memory)
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return schema.names, memory.slice(0, sink.tell())


def table_of(topic: str) -> str:
    """The table a topic's rows belong in; the topic may carry a prefix. Raises KeyError for another topic."""
    for name, table in TABLES.items():
        if topic.endswith(name):
            return table
    raise KeyError(topic)


def month_column_of(table: str) -> str | None:
    """The column whose month says in which partition of the table a row goes; None where there are no partitions."""
    return MONTH_COLUMNS.get(table)


def _bytes_max(batches: list[pa.RecordBatch]) -> int:
    """Enough room for a stream of these batches: lz4 may expand what it cannot compress by 1 in 255."""
    columns = batches[0].num_columns
    framing = (_FRAME_BYTES + columns * _COLUMN_BYTES) * (len(batches) + 1)
    content = sum(batch.nbytes for batch in batches)
    return int(content + content // 200 + framing)


def _placed(part: Part, epoch: int, offset: int, rows: NDArray[numpy.int64], batch: pa.RecordBatch) -> pa.RecordBatch:
    count = batch.num_rows
    added = [
        pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(part.block.log * count)]),
        pa.array(numpy.full(count, part.block.partition, numpy.int32)),
        pa.array(numpy.full(count, offset, numpy.int64)),
        pa.array(rows.astype(numpy.int32)),
        pa.array(numpy.full(count, epoch, numpy.int64)),
    ]
    fields = [*batch.schema, *(pa.field(name, kind) for name, kind in _POSITION)]
    return pa.record_batch([*batch.columns, *added], schema=pa.schema(fields))
