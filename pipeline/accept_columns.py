"""Events in columns as rows of events.accepted: what is joined already is not copied, and what is rare costs little."""

from collections.abc import Mapping

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import cut, moments, repeated
from schemas.batches import ACCEPTED
from schemas.event_columns import EventColumns
from schemas.record import RawBatch

__all__ = ["accepted_rows"]


def accepted_rows(records: RawBatch, places: NDArray[numpy.int64], events: EventColumns) -> pa.RecordBatch:
    """A row per event, in the same order. `places` are those of the events' records in their batch."""
    count = len(events)
    historical = numpy.zeros(count, numpy.bool_)
    historical[list(events.historical)] = True
    return pa.record_batch(
        [
            pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(events.uuid)]),
            pa.array(events.project),
            pa.array(events.event, pa.string()),
            pa.array(events.distinct_id, pa.string()),
            moments(events.timestamp),
            moments(events.received_at),
            cut(pa.binary(), events.sizes, events.properties),
            _rare(events.set, count, pa.binary()),
            _rare(events.set_once, count, pa.binary()),
            _rare(events.unset, count, pa.binary()),
            pa.array(historical),
            _rare(events.marks, count, pa.binary()),
            _repeating(events.applied, count),
            _repeating(events.failed, count),
            repeated(records.topic_id, count),
            pa.array(numpy.full(count, records.partition, numpy.int32)),
            pa.array(numpy.array(records.offsets, numpy.int64)[places]),
        ],
        schema=ACCEPTED,
    )


def _rare(values: Mapping[int, bytes], count: int, type_: pa.DataType) -> pa.Array:
    """A column of texts that are empty but for these rows."""
    sizes = numpy.zeros(count, numpy.int64)
    rows = sorted(values)
    sizes[rows] = [len(values[row]) for row in rows]
    return cut(type_, sizes, b"".join([values[row] for row in rows]))


def _repeating(values: Mapping[int, str], count: int) -> pa.Array:
    """The same where the same few texts stand in many rows: each is encoded once."""
    texts = ["", *set(values.values())]
    numbers = {text: number for number, text in enumerate(texts)}
    found = numpy.zeros(count, numpy.int32)
    found[list(values)] = list(map(numbers.__getitem__, values.values()))
    return pa.DictionaryArray.from_arrays(found, pa.array(texts, pa.string())).dictionary_decode()
