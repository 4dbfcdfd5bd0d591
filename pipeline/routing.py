"""Which partition an event belongs to: murmur2 of `<project>:<distinct_id>`, as Kafka's own clients hash keys.

Computed for a whole batch at once with numpy; one by one in Python it would cost more than decoding the event.
"""

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

__all__ = ["partitions_of", "state_key"]

_SEED = 0x9747B28C
_M = numpy.uint32(0x5BD1E995)
_Words = NDArray[numpy.uint32]


def partitions_of(keys: Sequence[bytes], partitions: int) -> NDArray[numpy.int64]:
    """The partition of each key: (murmur2 & 0x7fffffff) % partitions. Raises nothing; keys may be empty."""
    lengths = numpy.fromiter(map(len, keys), dtype=numpy.int64, count=len(keys))
    hashes = numpy.empty(len(keys), dtype=numpy.uint32)
    for length in numpy.unique(lengths):
        chosen = numpy.nonzero(lengths == length)[0]
        text = b"".join([keys[index] for index in chosen.tolist()])
        rows = numpy.frombuffer(text, dtype=numpy.uint8).reshape(len(chosen), int(length))
        hashes[chosen] = _murmur2(rows)
    return (hashes & numpy.uint32(0x7FFFFFFF)).astype(numpy.int64) % partitions


def state_key(project: int, distinct_id: str) -> bytes:
    """The key of everything kept about one distinct id, and what its partition is computed from."""
    return f"{project}:{distinct_id}".encode()


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
