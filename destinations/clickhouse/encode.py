"""A part of a block as the bytes of an insert: the columns go through untouched, the positions are added."""

from typing import Literal

import numpy
import pyarrow as pa

from schemas.block import Part

__all__ = ["Encoded", "encode", "table_of"]

_POSITION = [
    ("_log", pa.binary(16)),
    ("_partition", pa.int32()),
    ("_offset", pa.int64()),
    ("_row", pa.int32()),
    ("_epoch", pa.int64()),
]
TABLES = {"events.prepared": "events", "events.rejected": "rejected_events", "accounts": "accounts"}
Encoded = tuple[list[str], bytes]
"""Column names and an Arrow stream."""


def table_of(topic: str) -> str:
    """The table a topic's rows belong in; the topic may carry a prefix. Raises KeyError for another topic."""
    for name, table in TABLES.items():
        if topic.endswith(name):
            return table
    raise KeyError(topic)


def encode(part: Part, epoch: int, compression: Literal["none", "lz4"]) -> Encoded:
    """Column names and the rows as one Arrow stream, a batch per message, each row with its position."""
    options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression, use_threads=False)
    sink = pa.BufferOutputStream()
    writer = None
    for offset, rows, batch in part.batches():
        batch = _placed(part, epoch, offset, rows.astype(numpy.int32), batch)
        if writer is None:
            writer = pa.ipc.new_stream(sink, batch.schema, options=options)
        writer.write_batch(batch)
    assert writer is not None, "a part without rows is never sent"
    writer.close()
    return batch.schema.names, sink.getvalue().to_pybytes()


def _placed(
    part: Part, epoch: int, offset: int, rows: "numpy.typing.NDArray[numpy.int32]", batch: pa.RecordBatch
) -> pa.RecordBatch:
    count = batch.num_rows
    added = [
        pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(part.block.log * count)]),
        pa.array(numpy.full(count, part.block.partition, numpy.int32)),
        pa.array(numpy.full(count, offset, numpy.int64)),
        pa.array(rows),
        pa.array(numpy.full(count, epoch, numpy.int64)),
    ]
    fields = [*batch.schema, *(pa.field(name, kind) for name, kind in _POSITION)]
    return pa.record_batch([*batch.columns, *added], schema=pa.schema(fields))
