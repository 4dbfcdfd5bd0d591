"""The resolve hop's steps: repeats of an event leave, the others learn their person and their session."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import fixed, integers, repeated, sixteen, texts
from pipeline.dedupe import DedupRules, Recent, hot_key
from pipeline.outcome import DROPPED, DUPLICATE, MOVED, Fate, Outcome, Read
from schemas.batches import PREPARED, hash_of
from schemas.identifiers import person_id

__all__ = [
    "AcceptedBatch",
    "ResolveRules",
    "Keyed",
    "keyed",
    "without_repeats",
    "with_people",
    "with_sessions",
]


class ResolveRules(msgspec.Struct, frozen=True):
    """What resolve needs to know."""

    dedup: DedupRules


class AcceptedBatch(msgspec.Struct, frozen=True):
    """Messages of events.accepted, joined, with the place of each row in that log."""

    log: bytes
    partition: int
    offsets: NDArray[numpy.int64]
    numbers: NDArray[numpy.int32]
    """The row's number within its message."""
    rows: pa.RecordBatch

    @classmethod
    def joined(cls, log: bytes, partition: int, messages: Sequence[tuple[int, pa.RecordBatch]]) -> "AcceptedBatch":
        """Messages by offset, in order: many small ones cost several times as much as one large one."""
        sizes = [rows.num_rows for _, rows in messages]
        return cls(
            log=log,
            partition=partition,
            offsets=numpy.repeat(numpy.array([offset for offset, _ in messages], numpy.int64), sizes),
            numbers=numpy.concatenate([numpy.arange(size, dtype=numpy.int32) for size in sizes]),
            rows=messages[0][1] if len(messages) == 1 else pa.concat_batches([rows for _, rows in messages]),
        )


class Keyed(msgspec.Struct, frozen=True):
    """Rows with their place in the log and the state key of each."""

    rows: pa.RecordBatch
    offsets: NDArray[numpy.int64]
    numbers: NDArray[numpy.int32]
    keys: list[bytes]


def keyed(batch: AcceptedBatch) -> Keyed:
    """The state key of each row: `<project>:<distinct_id>`."""
    rows = batch.rows
    projects = integers(rows.column("project"))
    ids = rows.column("distinct_id").cast(pa.binary()).to_pylist()
    if len(projects) and (projects == projects[0]).all():
        prefix = b"%d:" % projects[0]
        keys = [prefix + distinct_id for distinct_id in ids]
    else:
        keys = [b"%d:%s" % pair for pair in zip(projects.tolist(), ids, strict=True)]
    return Keyed(rows, batch.offsets, batch.numbers, keys)


def without_repeats(found: Keyed, read: Read, rules: DedupRules) -> tuple[Keyed, list[Fate], dict[bytes, bytes | None]]:
    """The rows seen for the first time, what was dropped, and the uuids now remembered."""
    rows = found.rows
    uuids = sixteen(rows.column("uuid"))
    # Four bytes reach until 2106; what claims to have been received later is remembered as of then.
    seconds = numpy.minimum(integers(rows.column("received_at")) // 1_000_000, 0xFFFFFFFF).tolist()
    recent = Recent(read, rules)
    repeat = recent.repeats([hot_key(key) for key in found.keys], uuids, seconds)
    if True not in repeat:
        return found, [], recent.changes
    keep = numpy.flatnonzero(~numpy.array(repeat))
    dropped = rows.filter(pa.array(repeat))
    keys = [found.keys[index] for index in keep]
    kept = Keyed(rows.take(pa.array(keep)), found.offsets[keep], found.numbers[keep], keys)
    return kept, _by_project(dropped, DROPPED, DUPLICATE), recent.changes


def with_people(found: Keyed) -> dict[str, pa.Array]:
    """The person of each row: the computed one, until two distinct ids are merged (identity's place)."""
    count = len(found.keys)
    return {
        "person_id": fixed([_person_of(key) for key in found.keys]),
        "person_identified": pa.array(numpy.zeros(count, dtype=bool)),
        "person_properties": texts([b""] * count),
    }


def with_sessions(found: Keyed) -> dict[str, pa.Array]:
    """The session of each row: none yet (the sessions' place). The start of no session is 1970."""
    count = len(found.keys)
    return {
        "session_id": pa.array([""] * count, pa.string()),
        "session_start": pa.array(numpy.zeros(count, numpy.int64)).cast(PREPARED.field("session_start").type),
    }


def prepared(
    batch: AcceptedBatch,
    found: Keyed,
    columns: dict[str, pa.Array],
    dropped: list[Fate],
    changes: dict[bytes, bytes | None],
) -> Outcome:
    """The rows as they go on, in the same partition, with every row of the batch counted."""
    count = len(found.keys)
    place = {
        "accepted_log": repeated(batch.log, count),
        "accepted_partition": pa.array(numpy.full(count, batch.partition, numpy.int32)),
        "accepted_offset": pa.array(found.offsets),
        "accepted_row": pa.array(found.numbers),
    }
    added = {**columns, **place}
    arrays = [added[name] if name in added else found.rows.column(name) for name in PREPARED.names]
    rows = pa.record_batch(arrays, schema=PREPARED)
    return Outcome(
        rows=batch.rows.num_rows,
        uuid_sum=hash_of(batch.rows.column("uuid")),
        fates=[*_by_project(rows, MOVED, ""), *dropped],
        moved=[(batch.partition, rows)] if count else [],
        changes=changes,
    )


def _by_project(rows: pa.RecordBatch, kind: str, detail: str) -> list[Fate]:
    projects = integers(rows.column("project"))
    uuids = rows.column("uuid")
    fates = []
    for project in numpy.unique(projects).tolist():
        chosen = uuids if (projects == project).all() else uuids.filter(pa.array(projects == project))
        fates.append(Fate(kind, project, detail, len(chosen), hash_of(chosen)))
    return fates


@lru_cache(maxsize=65_536)
def _person_of(key: bytes) -> bytes:
    """Cached: a hash costs half a microsecond, and the same visitors come again. 65,536 entries are 15 MB."""
    project, _, distinct_id = key.decode().partition(":")
    return person_id(int(project), distinct_id)
