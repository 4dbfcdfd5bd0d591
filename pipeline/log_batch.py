"""Messages of one log and partition, shared out and joined, with the place of each row."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy
import pyarrow as pa
from numpy.typing import NDArray

from schemas.batches import check_headers
from schemas.record import RawBatch

__all__ = ["LogBatch", "shares"]

_ROWS_BITS = 20


class LogBatch(msgspec.Struct, frozen=True):
    """Rows in the order of the log."""

    log: bytes
    partition: int
    offsets: NDArray[numpy.int64]
    numbers: NDArray[numpy.int32]
    """The row's number within its message."""
    rows: pa.RecordBatch

    @classmethod
    def joined(
        cls, log: bytes, partition: int, messages: Sequence[tuple[int, pa.RecordBatch]], first: int = 0
    ) -> "LogBatch":
        """Messages by offset, in order: many small ones cost several times as much as one large one.

        `first` is the number of the first row within its message, where that is a part of one.
        """
        sizes = [rows.num_rows for _, rows in messages]
        firsts = [first] + [0] * (len(messages) - 1)
        return cls(
            log=log,
            partition=partition,
            offsets=numpy.repeat(numpy.array([offset for offset, _ in messages], numpy.int64), sizes),
            numbers=numpy.concatenate(
                [numpy.arange(at, at + size, dtype=numpy.int32) for at, size in zip(firsts, sizes, strict=True)]
            ),
            rows=messages[0][1] if len(messages) == 1 else pa.concat_batches([rows for _, rows in messages]),
        )

    def versions(self) -> list[int]:
        """The place of each row as one number: later rows of the log have higher ones. No message has 2^20 rows."""
        found: list[int] = ((self.offsets << _ROWS_BITS) | self.numbers).tolist()
        return found


def shares(batch: RawBatch, rows_max: int) -> Iterator[RawBatch]:
    """Messages of an internal topic in groups of so many rows and less; a message is never cut.

    What follows may weigh a thousand times the message: 5,000 events of 43 bytes, in a message of 160 kB, carry 390 MiB
    of the properties of their person. Sixteen such messages at once would be no worker's.
    """
    start = count = 0
    for at, headers in enumerate(batch.headers):
        rows, _ = check_headers(dict(headers or ()))
        if at > start and count + rows > rows_max:
            yield batch.part(start, at)
            start, count = at, 0
        count += rows
    yield batch.part(start, len(batch))
