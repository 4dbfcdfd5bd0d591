"""Python values to Arrow columns, one copy each: element by element costs three times as much."""

from collections.abc import Sequence

import numpy
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["fixed", "integers", "repeated", "sixteen", "texts"]


def fixed(values: Sequence[bytes]) -> pa.Array:
    """16-byte values as a column."""
    return pa.Array.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(b"".join(values))])


def repeated(value: bytes, count: int) -> pa.Array:
    """The same 16 bytes in every row."""
    return pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(value * count)])


def texts(values: Sequence[bytes]) -> pa.Array:
    """Byte strings of any length as a column; under 2 GiB together, which limits keep (ROWS_AT_ONCE in hops.py)."""
    offsets = numpy.zeros(len(values) + 1, numpy.int64)
    numpy.cumsum(numpy.fromiter(map(len, values), numpy.int64, len(values)), out=offsets[1:])
    assert offsets[-1] < 1 << 31, f"a column of {offsets[-1]} bytes"
    buffers = [None, pa.py_buffer(offsets.astype(numpy.int32)), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(pa.binary(), len(values), buffers)


def integers(column: pa.Array) -> NDArray[numpy.int64]:
    """A column of 64-bit numbers or timestamps (as microseconds), not copied."""
    whole = numpy.frombuffer(column.buffers()[1], dtype=numpy.int64)
    return whole[column.offset : column.offset + len(column)]


def sixteen(column: pa.Array) -> list[bytes]:
    """The values of a 16-byte column."""
    whole = column.buffers()[1].to_pybytes()
    start = column.offset * 16
    return [whole[at : at + 16] for at in range(start, start + 16 * len(column), 16)]
