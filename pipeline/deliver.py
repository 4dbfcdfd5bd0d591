"""The deliver hop's steps: messages unpacked for a block, and what a destination's answer means for the counts."""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
import numpy
import pyarrow as pa

from pipeline.outcome import MOVED, REJECTED, Fate, Outcome
from pipeline.rejection import rejected_rows
from schemas.batches import check_headers, from_wire, hash_of, schema_of
from schemas.block import Block, Landed
from schemas.record import RawBatch

__all__ = ["Destination", "Insert", "Unpacked", "landed", "unpack"]

Insert = Callable[[Block], Landed]
"""Hands a block to a destination; blocks; raises Retry. The same block again must change nothing."""

ACCOUNT_COLUMNS = pa.schema([("value", pa.binary())])
"""Messages that are single JSON records, as a batch of one row."""


class Destination(Protocol):
    """What deliver needs of a destination."""

    name: str

    def insert(self, block: Block) -> Landed: ...


class Unpacked(msgspec.Struct, frozen=True, gc=False):
    """One message of a source, opened."""

    offset: int
    bytes: int
    rows: int
    batch: pa.RecordBatch


def unpack(batch: RawBatch) -> Iterator[Unpacked]:
    """Each message with its rows. Tombstones and control records of other kinds do not occur here."""
    for offset, value, headers in zip(batch.offsets, batch.values, batch.headers, strict=True):
        content = value or b""
        if headers is None:
            rows = pa.record_batch([pa.array([content], pa.binary())], schema=ACCOUNT_COLUMNS)
        else:
            check_headers(dict(headers))
            rows = from_wire(content, schema_of(batch.topic))
        # The opened batch shares the message's memory or is as large: what is bounded is what is held.
        yield Unpacked(offset, max(len(content), rows.nbytes), rows.num_rows, rows)


def landed(block: Block, result: Landed, destination: str) -> Outcome:
    """Every row of the block has landed or is rejected with the destination's words."""
    refused: list[tuple[int, int]] = list(result.rejected)
    fates: list[Fate] = []
    total = 0
    tables = []
    for offset, rows in block.messages:
        out = [(row, result.rejected[(offset, row)]) for at, row in refused if at == offset]
        fates += _fates(rows, {row for row, _ in out})
        total += _sum(rows)
        if out:
            place = (block.topic, block.log, block.partition, offset)
            tables.append(rejected_rows(rows, out, destination=destination, place=place))
    return Outcome(
        rows=block.rows,
        uuid_sum=total & 0xFFFFFFFFFFFFFFFF,
        fates=_merged(fates),
        moved=[],
        rejected=pa.concat_batches(tables) if tables else None,
    )


def _fates(rows: pa.RecordBatch, refused: set[int]) -> list[Fate]:
    if "project" not in rows.schema.names:
        return [Fate(MOVED, 0, "", rows.num_rows)]
    projects = rows.column("project").to_numpy(zero_copy_only=False)
    kept = numpy.ones(rows.num_rows, dtype=bool)
    kept[list(refused)] = False
    code = "refused_by_destination"
    fates = []
    for project in numpy.unique(projects).tolist():
        for kind, detail, chosen in ((MOVED, "", kept), (REJECTED, code, ~kept)):
            mask = (projects == project) & chosen
            if mask.any():
                fates.append(Fate(kind, project, detail, int(mask.sum()), _sum(rows.filter(pa.array(mask)))))
    return fates


def _merged(fates: list[Fate]) -> list[Fate]:
    totals: dict[tuple[str, int, str], tuple[int, int]] = {}
    for fate in fates:
        key = (fate.kind, fate.project, fate.detail)
        rows, total = totals.get(key, (0, 0))
        totals[key] = (rows + fate.rows, (total + fate.uuid_sum) & 0xFFFFFFFFFFFFFFFF)
    return [Fate(*key, rows, total) for key, (rows, total) in totals.items()]


def _sum(rows: pa.RecordBatch) -> int:
    return hash_of(rows.column("uuid")) if "uuid" in rows.schema.names else 0
