"""The accept hop's steps: verdicts on raw records become sorted columns, rejections and counts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec
import numpy
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.accept_columns import accepted_rows
from pipeline.columns import integers
from pipeline.outcome import DROPPED, MOVED, REJECTED, Fate, Outcome, by_project
from pipeline.rejection import rejected_records
from pipeline.routing import homes_of
from pipeline.steps import TransformRules
from pipeline.transforming import Transformed
from schemas.decoding import DecodeContext, Decoded
from schemas.event import Dropped, Event, Rejected, Verdict
from schemas.event_columns import EventColumns
from schemas.record import RawBatch

__all__ = ["AcceptRules", "sort_out"]


class AcceptRules(msgspec.Struct, frozen=True):
    """What accept needs to know: how to decode, and how many partitions the next topic has."""

    decoding: DecodeContext
    partitions: int
    transforms: TransformRules = TransformRules()


def sort_out(records: RawBatch, changed: Transformed, rules: AcceptRules) -> Outcome:
    """Each record in exactly one place: a moved row, a rejected row or a dropped count."""
    verdicts = changed.verdicts
    parts: list[tuple[NDArray[numpy.int64], EventColumns]] = []
    others: Iterable[tuple[int, Verdict]] = enumerate(verdicts)
    if isinstance(verdicts, Decoded):
        parts, others = [(verdicts.places, verdicts.plain)], verdicts.others.items()
    rejected: list[tuple[int, Rejected]] = []
    dropped: list[Dropped] = []
    moved: list[tuple[int, Event]] = []
    for place, verdict in others:
        if type(verdict) is Event:
            moved.append((place, verdict))
        elif type(verdict) is Rejected:
            rejected.append((place, verdict))
        elif type(verdict) is Dropped:
            dropped.append(verdict)
    if moved:
        places = numpy.array([place for place, _ in moved], numpy.int64)
        parts.append((places, EventColumns.of([event for _, event in moved])))
    batch, pieces = _routed(records, [part for part in parts if len(part[1])], rules.partitions)
    return Outcome(
        rows=len(records),
        uuid_sum=0,
        fates=[*(by_project(batch, MOVED, "") if batch is not None else []), *_rejected(rejected), *_dropped(dropped)],
        moved=pieces,
        rejected=rejected_records(records, rejected) if rejected else None,
        repaired=sum(columns.repaired for _, columns in parts),
        tallies=changed.tallies,
    )


def _routed(
    records: RawBatch, parts: Sequence[tuple[NDArray[numpy.int64], EventColumns]], partitions: int
) -> tuple[pa.RecordBatch | None, list[tuple[int, pa.RecordBatch]]]:
    """One batch sorted by partition, and its slices: cheaper than building a batch per partition."""
    if not parts:
        return None, []
    whole = [accepted_rows(records, places, columns) for places, columns in parts]
    batch = whole[0] if len(whole) == 1 else pa.concat_batches(whole)
    homes = homes_of(integers(batch.column("project")), batch.column("distinct_id"), partitions)
    # The smaller the numbers, the cheaper is sorting them. Rows of one partition stay in the order of the log.
    order = numpy.argsort(homes.astype(numpy.uint16), kind="stable")
    if len(parts) > 1:
        order = numpy.lexsort((numpy.concatenate([places for places, _ in parts]), homes))
    batch = batch.take(pa.array(order))
    homes = homes[order]
    starts = [0, *(numpy.flatnonzero(numpy.diff(homes)) + 1).tolist(), len(homes)]
    return batch, [(int(homes[start]), batch.slice(start, end - start)) for start, end in pairwise(starts)]


def _rejected(found: list[tuple[int, Rejected]]) -> list[Fate]:
    counts = Counter((rejection.project, rejection.code.value) for _, rejection in found)
    return [Fate(REJECTED, project, code, rows) for (project, code), rows in counts.items()]


def _dropped(found: list[Dropped]) -> list[Fate]:
    counts = Counter((drop.project, drop.rule) for drop in found)
    return [Fate(DROPPED, project, rule, rows) for (project, rule), rows in counts.items()]
