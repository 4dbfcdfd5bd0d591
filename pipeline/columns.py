"""Python values to Arrow columns, one copy each: element by element costs three times as much."""

from collections.abc import Mapping, Sequence

import numpy
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["cut", "fixed", "ids_of", "integers", "moments", "repeated", "sixteen", "texts", "uuid_texts"]

_MICROS = pa.timestamp("us", tz="UTC")
_BYTES = pa.binary()
_HEX = numpy.frombuffer(bytes(range(256)).hex().encode(), "V2")


def fixed(values: Sequence[bytes] | NDArray[numpy.void]) -> pa.Array:
    """16-byte values as a column."""
    whole = values.tobytes() if isinstance(values, numpy.ndarray) else b"".join(values)
    return pa.Array.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(whole)])


def moments(values: Sequence[int] | NDArray[numpy.int64]) -> pa.Array:
    """Microseconds since 1970 as a column of timestamps."""
    found = numpy.ascontiguousarray(values, numpy.int64)
    return pa.Array.from_buffers(_MICROS, len(found), [None, pa.py_buffer(found)])


def uuid_texts(
    ids: NDArray[numpy.void], shown: NDArray[numpy.bool_] | None = None, instead: Mapping[int, str] | None = None
) -> pa.Array:
    """16-byte ids as a column of uuids in text; empty where not `shown`, another text where one is given `instead`."""
    digits = _HEX[ids.view(numpy.uint8).reshape(-1, 16)].view(numpy.uint8).reshape(-1, 32)
    letters = numpy.full((len(ids), 36), ord("-"), numpy.uint8)
    for at, start, end in ((0, 0, 8), (9, 8, 12), (14, 12, 16), (19, 16, 20), (24, 20, 32)):
        letters[:, at : at + end - start] = digits[:, start:end]
    if instead:
        whole = letters.tobytes()
        found = [whole[at : at + 36] for at in range(0, len(whole), 36)]
        for row in numpy.flatnonzero(~shown).tolist() if shown is not None else ():
            found[row] = b""
        for row, text in instead.items():
            found[row] = text.encode()
        return texts(found, pa.string())
    lengths = numpy.full(len(ids), 36) if shown is None else numpy.where(shown, 36, 0)
    return cut(pa.string(), lengths, (letters if shown is None else letters[shown]).tobytes())


def repeated(value: bytes, count: int) -> pa.Array:
    """The same 16 bytes in every row."""
    return pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(value * count)])


def texts(values: Sequence[bytes], kind: pa.DataType = _BYTES) -> pa.Array:
    """Byte strings of any length as a column; under 2 GiB together, as `cut`."""
    return cut(kind, numpy.fromiter(map(len, values), numpy.int64, len(values)), b"".join(values))


def cut(kind: pa.DataType, lengths: NDArray[numpy.int64], whole: bytes) -> pa.Array:
    """Bytes cut into values of these lengths; under 2 GiB together.

    Accept reads no more at once than the client holds (`fetch.queue_kilobytes`) and what comes while it gathers; the
    other hops take some thousands of rows of a limited size (ROWS_AT_ONCE and EVENTS_AT_ONCE in hops.py).
    """
    offsets = numpy.zeros(len(lengths) + 1, numpy.int64)
    numpy.cumsum(lengths, out=offsets[1:])
    assert offsets[-1] < 1 << 31, f"a column of {offsets[-1]} bytes"
    buffers = [None, pa.py_buffer(offsets.astype(numpy.int32)), pa.py_buffer(whole)]
    return pa.Array.from_buffers(kind, len(lengths), buffers)


def integers(column: pa.Array) -> NDArray[numpy.int64]:
    """A column of 64-bit numbers or timestamps (as microseconds) without nulls, not copied."""
    assert column.null_count == 0, "a missing value has no number"
    whole = numpy.frombuffer(column.buffers()[1], dtype=numpy.int64)
    return whole[column.offset : column.offset + len(column)]


def ids_of(column: pa.Array) -> NDArray[numpy.void]:
    """A 16-byte column without nulls, not copied."""
    assert column.null_count == 0, "a missing value has no bytes"
    return numpy.frombuffer(column.buffers()[1], "V16")[column.offset : column.offset + len(column)]


def sixteen(column: pa.Array) -> list[bytes]:
    """The values of a 16-byte column: an array makes them at a sixth of the cost of slices."""
    values: list[bytes] = ids_of(column).tolist()
    return values
