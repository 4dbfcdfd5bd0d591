"""Events between hops: one Kafka message is one Arrow IPC stream of the events of one partition.

The format is internal and carries a version byte in its headers; nobody outside needs to read it.
"""

from collections.abc import Mapping

import numpy
import pyarrow as pa
from numpy.typing import NDArray

__all__ = [
    "ACCEPTED",
    "CHANGES",
    "CLAIMS",
    "MAPPINGS",
    "PERSONS",
    "PREPARED",
    "REJECTED",
    "SCHEMAS",
    "STARTS",
    "VIEWS",
    "WARNINGS",
    "COMMAND_HEADER",
    "FORMAT_VERSION",
    "WrongBatchFormat",
    "batch_headers",
    "check_headers",
    "from_wire",
    "hash_of",
    "hashes_of",
    "schema_of",
    "size_of",
    "to_wire",
]

FORMAT_VERSION = b"\x02"
VERSION_HEADER = "headrace-format"
ROWS_HEADER = "headrace-rows"
HASH_HEADER = "headrace-uuid-sum"
COMMAND_HEADER = "headrace-command"
"""On a message that no hop has written: somebody's command, by its name."""

_UUID = pa.binary(16)
_MICROS = pa.timestamp("us", tz="UTC")

_SENT = [
    ("uuid", _UUID),
    ("project", pa.int64()),
    ("event", pa.string()),
    ("distinct_id", pa.string()),
    ("timestamp", _MICROS),
    ("received_at", _MICROS),
    ("properties", pa.binary()),
    ("set", pa.binary()),
    ("set_once", pa.binary()),
    ("unset", pa.binary()),
    ("historical", pa.bool_()),
    ("marks", pa.binary()),
    ("transforms_applied", pa.string()),
    ("transforms_failed", pa.string()),
    ("source_log", _UUID),
    ("source_partition", pa.int32()),
    ("source_offset", pa.int64()),
]

ACCEPTED = pa.schema(_SENT)
"""events.accepted: one row an event; `source_*` is its place in events.raw."""

PREPARED = pa.schema(
    [
        *(field for field in _SENT if field[0] not in ("historical", "marks")),
        ("person_id", _UUID),
        ("person_identified", pa.bool_()),
        ("session_id", pa.string()),
        ("session_given", pa.bool_()),
        ("session_start", _MICROS),
        ("person_properties", pa.binary()),
        ("accepted_log", _UUID),
        ("accepted_partition", pa.int32()),
        ("accepted_offset", pa.int64()),
        ("accepted_row", pa.int32()),
    ]
)
"""events.prepared: who and which session are known; `accepted_*` is its place in events.accepted."""

STARTS = pa.schema(
    [
        ("project", pa.int64()),
        ("distinct_id", pa.string()),
        ("start", _MICROS),
        ("session_id", pa.string()),
        ("dead", pa.bool_()),
    ]
)
"""session.starts: what became of the start of a derived session; of several facts about one start, dead wins."""

CLAIMS = pa.schema(
    [
        ("project", pa.int64()),
        ("kind", pa.int8()),
        ("into", pa.string()),
        ("other", pa.string()),
        ("timestamp", _MICROS),
        ("event_uuid", _UUID),
    ]
)
"""identity.claims: `other` is the same person as `into`. Kind 0 splits the person of `into` as of the timestamp; the
others are those of pipeline/identity.py."""

MAPPINGS = pa.schema(
    [
        ("project", pa.int64()),
        ("distinct_id", pa.string()),
        ("person_id", _UUID),
        ("identified", pa.bool_()),
        ("version", pa.int64()),
    ]
)
"""identity.mappings: the person of a distinct id. `version` is the place in identity.claims of what caused it."""

CHANGES = pa.schema(
    [
        ("project", pa.int64()),
        ("person_id", _UUID),
        ("distinct_id", pa.string()),
        ("mapping_version", pa.int64()),
        ("membership", pa.bool_()),
        ("joined", pa.bool_()),
        ("identified", pa.bool_()),
        ("registers", pa.binary()),
        ("created_at", pa.int64()),
    ]
)
"""person.changes: from identify, who joined or left a person (`membership`); from resolve, what is known of an id."""

VIEWS = pa.schema(
    [
        ("project", pa.int64()),
        ("distinct_id", pa.string()),
        ("person_id", _UUID),
        ("version", pa.int64()),
        ("properties", pa.binary()),
    ]
)
"""person.views: the person's joined properties, told to each of its ids. `version` is a place in person.changes."""

PERSONS = pa.schema(
    [
        ("project", pa.int64()),
        ("person_id", _UUID),
        ("version", pa.int64()),
        ("created_at", _MICROS),
        ("identified", pa.bool_()),
        ("is_deleted", pa.bool_()),
        ("properties", pa.binary()),
        ("distinct_ids", pa.list_(pa.string())),
    ]
)
"""persons: snapshots; the highest version counts. `distinct_ids` are the members that have a row of their own."""

WARNINGS = pa.schema(
    [
        ("project", pa.int64()),
        ("distinct_id", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
        ("event_uuid", _UUID),
        ("timestamp", _MICROS),
    ]
)
"""ingestion.warnings: something of an event was refused, and the event itself went on."""

REJECTED = pa.schema(
    [
        ("code", pa.string()),
        ("stage", pa.string()),
        ("message", pa.string()),
        ("project", pa.int64()),
        ("destination", pa.string()),
        ("topic", pa.string()),
        ("log", _UUID),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("row", pa.int32()),
        ("record_timestamp", _MICROS),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.binary()),
    ]
)
"""events.rejected: the original bytes with the reason. `headers` is a JSON array of [name, base64 or null];
`row` is 0 for a raw record; null key and value stay null."""

SCHEMAS = {
    "events.accepted": ACCEPTED,
    "events.prepared": PREPARED,
    "events.rejected": REJECTED,
    "session.starts": STARTS,
    "identity.claims": CLAIMS,
    "identity.mappings": MAPPINGS,
    "person.changes": CHANGES,
    "person.views": VIEWS,
    "persons": PERSONS,
    "ingestion.warnings": WARNINGS,
}
"""The columns of every topic that carries batches."""

_MESSAGE_BYTES, _COLUMN_BYTES = 256, 88
"""At most what a message takes beside its rows: a head, and up to three buffers a column, described and aligned."""
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_COMPRESSED_FAR = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
_ROW_BYTES_FAR = 32 * 1024
"""lz4 looks back 64 KB. What a person is known by may be longer, and is the same in every row of a visit: of 2,000
rows with 80 KB of it lz4 leaves 156 MB and zstd, which looks back 512 KB and more, 1.4 in less time."""
_PLAIN_READ = pa.ipc.IpcReadOptions(use_threads=False)
# One message is too small for a thread pool to pay; the hops run several messages side by side instead.


class WrongBatchFormat(Exception):
    """An internal topic holds a message this version cannot read: a bug or a foreign writer, never data."""


def schema_of(topic: str) -> pa.Schema:
    """The columns of a topic, whose name may carry a prefix. Raises StopIteration for one that carries no batches."""
    return next(schema for name, schema in SCHEMAS.items() if topic.endswith(name))


def to_wire(batch: pa.RecordBatch) -> bytes:
    """The batch as one Arrow IPC stream, its buffers compressed by lz4, or by zstd where that finds too little."""
    value = _stream(batch, _COMPRESSED)
    return _stream(batch, _COMPRESSED_FAR) if len(value) > batch.num_rows * _ROW_BYTES_FAR else value


def from_wire(value: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """The batch back, refusing anything but exactly this schema. Raises WrongBatchFormat."""
    try:
        with pa.ipc.open_stream(value, options=_PLAIN_READ) as reader:
            batch = reader.read_next_batch()
    except (pa.ArrowInvalid, StopIteration, OSError) as problem:
        raise WrongBatchFormat(f"not an Arrow stream: {problem}") from problem
    if not batch.schema.equals(schema):
        raise WrongBatchFormat(f"columns {batch.schema.names} where {schema.names} were expected")
    return batch


def _stream(batch: pa.RecordBatch, options: pa.ipc.IpcWriteOptions) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    value: bytes = sink.getvalue().to_pybytes()
    return value


def size_of(batch: pa.RecordBatch) -> int:
    """Bytes of the rows, at most `nbytes` and little less.

    Arrow tells the size of a message without writing it, at a ninth of what `nbytes` costs a slice: 28 microseconds,
    which for some 200 rows a message were 0.15 an event.
    """
    return max(0, int(pa.ipc.get_record_batch_size(batch) - _MESSAGE_BYTES - _COLUMN_BYTES * batch.num_columns))


def hash_of(uuids: pa.Array) -> int:
    """Sum of the uuids' last 8 bytes modulo 2^64: equal sums say that equal sets passed two points.

    A sum, because it does not depend on order and adds up over batches.
    """
    return int(hashes_of(uuids).sum(dtype=numpy.uint64))


def hashes_of(uuids: pa.Array) -> NDArray[numpy.uint64]:
    """The uuids' last 8 bytes, of each."""
    if len(uuids) == 0:
        return numpy.zeros(0, numpy.uint64)
    words = numpy.frombuffer(uuids.buffers()[1], dtype=">u8")[2 * uuids.offset :][: 2 * len(uuids)]
    return words[1::2]


def batch_headers(batch: pa.RecordBatch) -> list[tuple[str, bytes]]:
    """Headers that let a reader count a message without opening it: version, rows, sum of uuid hashes."""
    total = hash_of(batch.column("uuid")) if "uuid" in batch.schema.names else 0
    return [
        (VERSION_HEADER, FORMAT_VERSION),
        (ROWS_HEADER, str(batch.num_rows).encode()),
        (HASH_HEADER, str(total).encode()),
    ]


def check_headers(headers: Mapping[str, bytes | None]) -> tuple[int, int]:
    """(rows, sum of uuid hashes) of a message. Raises WrongBatchFormat for a version this code cannot read."""
    if headers.get(VERSION_HEADER) != FORMAT_VERSION:
        raise WrongBatchFormat(f"format version {headers.get(VERSION_HEADER)!r}; upgrade the readers first")
    return int(headers[ROWS_HEADER] or b"0"), int(headers[HASH_HEADER] or b"0")
