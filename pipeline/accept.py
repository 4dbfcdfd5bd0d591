"""The accept hop's steps: verdicts on raw records become sorted columns, rejections and counts."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import fixed, texts
from pipeline.outcome import DROPPED, MOVED, REJECTED, Fate, Outcome
from pipeline.rejection import rejected_records
from pipeline.routing import partitions_of, state_key
from pipeline.transforming import Transformed, TransformRules
from schemas.batches import ACCEPTED, hash_of
from schemas.decoding import DecodeContext
from schemas.event import Dropped, Event, Rejected, Verdict
from schemas.record import RawBatch

__all__ = ["AcceptRules", "sort_out"]


class AcceptRules(msgspec.Struct, frozen=True):
    """What accept needs to know: how to decode, and how many partitions the next topic has."""

    decoding: DecodeContext
    partitions: int
    transforms: TransformRules = TransformRules()


def sort_out(records: RawBatch, changed: Transformed, rules: AcceptRules) -> Outcome:
    """Each record in exactly one place: a moved row, a rejected row or a dropped count."""
    verdicts: Sequence[Verdict] = changed.verdicts
    events: Sequence[Event] = verdicts  # type: ignore[assignment]
    offsets = records.offsets
    rejected: list[tuple[int, Rejected]] = []
    dropped: list[Dropped] = []
    if not all(type(verdict) is Event for verdict in verdicts):
        moved = [(index, verdict) for index, verdict in enumerate(verdicts) if type(verdict) is Event]
        events = [verdict for _, verdict in moved]
        offsets = [offsets[index] for index, _ in moved]
        rejected = [(index, verdict) for index, verdict in enumerate(verdicts) if type(verdict) is Rejected]
        dropped = [verdict for verdict in verdicts if type(verdict) is Dropped]
    batch, pieces = _routed(records, events, offsets, rules.partitions)
    return Outcome(
        rows=len(records),
        uuid_sum=0,
        fates=[*_moved(batch), *_rejected(rejected), *_dropped(dropped)],
        moved=pieces,
        rejected=rejected_records(records, rejected) if rejected else None,
        repaired=sum(event.repaired for event in events),
        tallies=changed.tallies,
    )


def _routed(
    records: RawBatch, events: Sequence[Event], offsets: Sequence[int], partitions: int
) -> tuple[pa.RecordBatch | None, list[tuple[int, pa.RecordBatch]]]:
    """One batch sorted by partition, and its slices: cheaper than building a batch per partition."""
    if not events:
        return None, []
    keys = [state_key(event.project, event.distinct_id) for event in events]
    homes = partitions_of(keys, partitions)
    order = numpy.argsort(homes, kind="stable")
    batch = _columns(records, [events[index] for index in order.tolist()], numpy.array(offsets)[order])
    homes = homes[order]
    starts = [0, *(numpy.flatnonzero(numpy.diff(homes)) + 1).tolist(), len(homes)]
    return batch, [(int(homes[start]), batch.slice(start, end - start)) for start, end in pairwise(starts)]


def _columns(records: RawBatch, events: list[Event], offsets: NDArray[numpy.int64]) -> pa.RecordBatch:
    count = len(events)
    return pa.record_batch(
        [
            fixed([event.uuid for event in events]),
            pa.array(numpy.fromiter([event.project for event in events], numpy.int64, count)),
            pa.array([event.event for event in events], pa.string()),
            pa.array([event.distinct_id for event in events], pa.string()),
            _micros([event.timestamp for event in events]),
            _micros([event.received_at for event in events]),
            texts([event.properties for event in events]),
            texts([event.set for event in events]),
            texts([event.set_once for event in events]),
            texts([event.unset for event in events]),
            pa.array([event.historical for event in events], pa.bool_()),
            texts([event.marks for event in events]),
            pa.array([event.applied for event in events], pa.string()),
            pa.array([event.failed for event in events], pa.string()),
            fixed([records.topic_id] * count),
            pa.array(numpy.full(count, records.partition, numpy.int32)),
            pa.array(offsets),
        ],
        schema=ACCEPTED,
    )


def _micros(values: list[int]) -> pa.Array:
    return pa.array(numpy.fromiter(values, numpy.int64, len(values))).cast(ACCEPTED.field("timestamp").type)


def _moved(batch: pa.RecordBatch | None) -> list[Fate]:
    if batch is None:
        return []
    projects = batch.column("project")
    found = pa.compute.value_counts(projects).to_pylist()
    if len(found) == 1:
        return [Fate(MOVED, found[0]["values"], "", batch.num_rows, hash_of(batch.column("uuid")))]
    return [
        Fate(MOVED, entry["values"], "", entry["counts"], _sum_of_project(batch, entry["values"])) for entry in found
    ]


def _sum_of_project(batch: pa.RecordBatch, project: int) -> int:
    chosen = pa.compute.equal(batch.column("project"), project)
    return hash_of(batch.column("uuid").filter(chosen))


def _rejected(found: list[tuple[int, Rejected]]) -> list[Fate]:
    counts = Counter((rejection.project, rejection.code.value) for _, rejection in found)
    return [Fate(REJECTED, project, code, rows) for (project, code), rows in counts.items()]


def _dropped(found: list[Dropped]) -> list[Fate]:
    counts = Counter((drop.project, drop.rule) for drop in found)
    return [Fate(DROPPED, project, rule, rows) for (project, rule), rows in counts.items()]
