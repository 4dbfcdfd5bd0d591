"""Facts that hops send each other beside the events: rows of one kind, gathered and cut by partition.

A fact is a tuple in the order of its topic's columns (schemas/batches.py), with times as microseconds.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.outcome import Sent
from pipeline.routing import partitions_of
from schemas.batches import SCHEMAS

__all__ = ["claims_key", "parted", "person_key", "routed", "sent"]


def sent(topic: str, partition: int, facts: Sequence[tuple[Any, ...]]) -> list[Sent]:
    """Facts for one partition; nothing where there are none."""
    return [Sent(topic, partition, _rows(topic, facts))] if facts else []


def routed(topic: str, facts: Sequence[tuple[Any, ...]], keys: Sequence[bytes], partitions: int) -> list[Sent]:
    """Facts by the partitions of their keys, in order within each."""
    by_partition: dict[int, list[tuple[Any, ...]]] = {}
    for fact, home in zip(facts, partitions_of(keys, partitions).tolist(), strict=True):
        by_partition.setdefault(home, []).append(fact)
    return [Sent(topic, home, _rows(topic, found)) for home, found in sorted(by_partition.items())]


def parted(topic: str, rows: pa.RecordBatch, homes: NDArray[numpy.int64]) -> list[Sent]:
    """Facts that are columns already, cut by the partition of each, in order within each."""
    order = numpy.argsort(homes, kind="stable")
    found, starts = numpy.unique(homes[order], return_index=True)
    sorted_rows = rows.take(pa.array(order))
    ends = [*starts[1:].tolist(), len(order)]
    return [
        Sent(topic, home, sorted_rows.slice(start, end - start))
        for home, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True)
    ]


def claims_key(project: int) -> bytes:
    """What decides the partition of a project's claims: one log for all of them."""
    return b"%d" % project


def person_key(project: int, person: bytes) -> bytes:
    """What decides the partition of what concerns a person."""
    return b"%d:%s" % (project, person.hex().encode())


def _rows(topic: str, facts: Iterable[tuple[Any, ...]]) -> pa.RecordBatch:
    schema = SCHEMAS[topic]
    columns = zip(*facts, strict=True)
    return pa.record_batch(
        [_column(list(values), field.type) for values, field in zip(columns, schema, strict=True)], schema
    )


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.array(values, kind)
