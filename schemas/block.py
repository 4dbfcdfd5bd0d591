"""A block: a contiguous range of one partition on its way into a destination, and the parts it may be cut into.

The boundaries are on record before the first byte is sent, and cuts depend on nothing but the block. So whoever
sends it again sends the same rows, in the same order, under the same tokens, and a destination that knows the
tokens takes them once.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy
import pyarrow as pa
from numpy.typing import NDArray

from schemas.event import Rejected

__all__ = ["Block", "Landed", "Part", "halves", "parts_by_month", "whole"]

MONTHS_MAX = 100
"""One insert may touch at most this many monthly partitions (ClickHouse: max_partitions_per_insert_block)."""
_SHORT_SPAN_US = 8 * 365 * 24 * 3600 * 1_000_000


class Block(msgspec.Struct, frozen=True):
    """Messages `first` to `last` (offsets, inclusive) of one topic and partition, opened."""

    topic: str
    log: bytes
    """The topic's id, 16 bytes."""
    partition: int
    first: int
    last: int
    messages: tuple[tuple[int, pa.RecordBatch], ...]
    """(offset, rows) pairs in log order."""

    @property
    def rows(self) -> int:
        """How many rows the block has."""
        return sum(batch.num_rows for _, batch in self.messages)

    @property
    def token(self) -> str:
        """The name under which a destination recognizes the block."""
        return f"{self.log.hex()}:{self.partition}:{self.first}-{self.last}"


class Landed(msgspec.Struct, frozen=True):
    """What became of a block: all its rows have landed but for these, by (offset, row)."""

    rejected: dict[tuple[int, int], Rejected] = {}


class Part(msgspec.Struct, frozen=True):
    """Some rows of a block, in its order. `path` says how they were cut out; empty for the whole block."""

    block: Block
    path: str
    chosen: NDArray[numpy.int64] | None
    """Row numbers within the block, ascending; None for all of them."""

    @property
    def token(self) -> str:
        """The block's token, with the path for a part: different rows never share a token."""
        return f"{self.block.token}:{self.path}" if self.path else self.block.token

    @property
    def rows(self) -> int:
        return self.block.rows if self.chosen is None else len(self.chosen)

    def batches(self) -> Iterator[tuple[int, NDArray[numpy.int64], pa.RecordBatch]]:
        """(offset, row numbers within the message, rows) for each message that has rows in the part."""
        start = 0
        for offset, batch in self.block.messages:
            end = start + batch.num_rows
            if self.chosen is None:
                yield offset, numpy.arange(batch.num_rows), batch
            else:
                low, high = numpy.searchsorted(self.chosen, [start, end])
                rows = self.chosen[low:high] - start
                if len(rows):
                    yield offset, rows, batch.take(pa.array(rows))
            start = end


def whole(block: Block) -> Part:
    """The block itself as a part."""
    return Part(block, "", None)


def parts_by_month(part: Part, column: str = "timestamp") -> Sequence[Part]:
    """The part, or parts of it that touch at most MONTHS_MAX months each, by the months in ascending order."""
    micros = _micros(part, column)
    if not len(micros) or int(micros.max()) - int(micros.min()) < _SHORT_SPAN_US:
        return [part]
    months = micros.astype("datetime64[us]").astype("datetime64[M]").astype(numpy.int64)
    distinct = numpy.unique(months)
    if len(distinct) <= MONTHS_MAX:
        return [part]
    rows = numpy.arange(len(months)) if part.chosen is None else part.chosen
    cuts = []
    for number, start in enumerate(range(0, len(distinct), MONTHS_MAX)):
        group = distinct[start : start + MONTHS_MAX]
        cuts.append(Part(part.block, f"{part.path}m{number}", rows[numpy.isin(months, group)]))
    return cuts


def halves(part: Part) -> tuple[Part, Part]:
    """The part cut at its midpoint. Not for a single row."""
    rows = numpy.arange(part.rows) if part.chosen is None else part.chosen
    middle = len(rows) // 2
    return Part(part.block, f"{part.path}a", rows[:middle]), Part(part.block, f"{part.path}b", rows[middle:])


def _micros(part: Part, column: str) -> NDArray[numpy.int64]:
    found = [batch.column(column).cast(pa.int64()).to_numpy() for _, _, batch in part.batches()]
    return numpy.concatenate(found) if found else numpy.empty(0, numpy.int64)
