"""Facts that hops send each other beside the events: rows of one kind, gathered and cut by partition.

A fact is a tuple in the order of its topic's columns (schemas/batches.py), with times as microseconds.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import fixed, integers, sixteen
from pipeline.outcome import Sent
from pipeline.routing import partitions_of
from schemas.batches import SCHEMAS

__all__ = ["claims_key", "parted", "person_key", "routed", "sent", "taken"]


def sent(topic: str, partition: int, facts: Sequence[tuple[Any, ...]]) -> list[Sent]:
    """Facts for one partition; nothing where there are none."""
    return [Sent(topic, partition, _rows(topic, facts))] if facts else []


def routed(topic: str, facts: Sequence[tuple[Any, ...]], keys: Sequence[bytes], partitions: int) -> list[Sent]:
    """Facts by the partitions of their keys, in order within each.

    They become columns once and are cut then: a column costs microseconds however short it is.
    """
    if not facts:
        return []
    homes = partitions_of(keys, partitions)
    order = numpy.argsort(homes, kind="stable")
    return _slices(topic, _rows(topic, [facts[place] for place in order.tolist()]), homes)


def parted(topic: str, rows: pa.RecordBatch, homes: NDArray[numpy.int64]) -> list[Sent]:
    """Facts that are columns already, cut by the partition of each, in order within each."""
    return _slices(topic, rows.take(pa.array(numpy.argsort(homes, kind="stable"))), homes)


def taken(rows: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The facts of a batch as they were sent: a quarter of the cost of rows as dictionaries."""
    return zip(*map(_values, rows.columns), strict=True)


def claims_key(project: int) -> bytes:
    """What decides the partition of a project's claims: one log for all of them."""
    return b"%d" % project


def person_key(project: int, person: bytes) -> bytes:
    """What decides the partition of what concerns a person."""
    return b"%d:%s" % (project, person.hex().encode())


def _slices(topic: str, rows: pa.RecordBatch, homes: NDArray[numpy.int64]) -> list[Sent]:
    """Rows in the order of their partitions, cut between them."""
    ends = numpy.cumsum(numpy.bincount(homes)).tolist()
    return [
        Sent(topic, home, rows.slice(start, end - start))
        for home, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
        if start < end
    ]


def _rows(topic: str, facts: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = [make(values) for make, values in zip(_makers(topic), zip(*facts, strict=True), strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMAS[topic])


@cache
def _makers(topic: str) -> list[Callable[[Sequence[Any]], pa.Array]]:
    """What makes each column of a topic from its values."""
    return [_maker(field.type) for field in SCHEMAS[topic]]


def _maker(kind: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    if pa.types.is_timestamp(kind):
        return lambda values: pa.array(values, pa.int64()).view(kind)
    return _sixteen_each if pa.types.is_fixed_size_binary(kind) else partial(pa.array, type=kind)


def _sixteen_each(values: Sequence[bytes]) -> pa.Array:
    column = fixed(values)
    assert column.buffers()[1].size == 16 * len(values), "an id is not of 16 bytes"
    return column


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_fixed_size_binary(column.type):
        return sixteen(column)
    values: list[Any] = integers(column).tolist() if pa.types.is_timestamp(column.type) else column.to_pylist()
    return values
