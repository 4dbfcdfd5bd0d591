"""Which partition an event belongs to: murmur2 of `<project>:<distinct_id>`, as Kafka's own clients hash keys.

Computed for a whole batch at once with numpy; one by one in Python it would cost more than decoding the event.
"""

from collections.abc import Sequence

import numpy
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["homes_of", "partitions_of", "state_key"]

_SEED = 0x9747B28C
_M = numpy.uint32(0x5BD1E995)
_Words = NDArray[numpy.uint32]


def partitions_of(keys: Sequence[bytes], partitions: int) -> NDArray[numpy.int64]:
    """The partition of each key: (murmur2 & 0x7fffffff) % partitions. Raises nothing; keys may be empty."""
    lengths = numpy.fromiter(map(len, keys), dtype=numpy.int64, count=len(keys))
    return _partitions(b"".join(keys), numpy.cumsum(lengths) - lengths, lengths, partitions)


def homes_of(projects: NDArray[numpy.int64], distinct_ids: pa.StringArray, partitions: int) -> NDArray[numpy.int64]:
    """The partition of each row's state key. The ids are a column without nulls, or a slice of one."""
    assert distinct_ids.null_count == 0, "an event without a distinct id"
    if len(distinct_ids) == 0:
        return numpy.zeros(0, numpy.int64)
    one = (projects == projects[0]).all()
    names = str(projects[0]) if one else pa.array(projects).cast(pa.string())
    keys = pc.binary_join_element_wise(names, distinct_ids, ":")
    bounds = numpy.frombuffer(keys.buffers()[1], numpy.int32)[keys.offset :][: len(keys) + 1].astype(numpy.int64)
    return _partitions(keys.buffers()[2], bounds[:-1], numpy.diff(bounds), partitions)


def state_key(project: int, distinct_id: str) -> bytes:
    """The key of everything kept about one distinct id, and what its partition is computed from."""
    return f"{project}:{distinct_id}".encode()


def _partitions(
    text: bytes | pa.Buffer,
    starts: NDArray[numpy.int64],
    lengths: NDArray[numpy.int64],
    partitions: int,
) -> NDArray[numpy.int64]:
    """Of keys that are pieces of the text: all of one length at a time."""
    codes = numpy.frombuffer(text or b"\0", dtype=numpy.uint8)
    hashes = numpy.empty(len(starts), dtype=numpy.uint32)
    for length in numpy.unique(lengths).tolist():
        chosen = numpy.flatnonzero(lengths == length)
        hashes[chosen] = _murmur2(codes[starts[chosen, None] + numpy.arange(length)])
    return (hashes & numpy.uint32(0x7FFFFFFF)).astype(numpy.int64) % partitions


def _murmur2(rows: NDArray[numpy.uint8]) -> _Words:
    """Kafka's murmur2 over keys of one length, one key a row."""
    count, length = rows.shape
    blocks = length // 4
    result: _Words = numpy.full(count, (_SEED ^ length) & 0xFFFFFFFF, dtype=numpy.uint32)
    words = numpy.ascontiguousarray(rows[:, : blocks * 4]).view("<u4")
    for block in range(blocks):
        word: _Words = words[:, block] * _M
        word ^= word >> numpy.uint32(24)
        result = (result * _M) ^ (word * _M)
    tail = rows[:, blocks * 4 :].astype(numpy.uint32)
    for index in range(tail.shape[1]):
        result ^= tail[:, index] << numpy.uint32(8 * index)
    if tail.shape[1]:
        result = result * _M
    result ^= result >> numpy.uint32(13)
    result = result * _M
    result ^= result >> numpy.uint32(15)
    return result
