"""Every record of events.raw becomes an event or a rejection, decided from the record alone.

Most records are in the plain form with nothing unusual about them and are decoded quickly (schemas/plain.py). All
others come here: the form is told, its fields are read (one module a form), and every rule is applied, one by one
(schemas/fields.py).
"""

from collections.abc import Mapping, Sequence
from typing import overload

import msgspec
import numpy
from numpy.typing import NDArray

from schemas.avro import AvroSchema, avro_fields
from schemas.event import Event, Rejected, RejectionCode, Verdict
from schemas.event_columns import EventColumns
from schemas.fields import Fields, Place, finished
from schemas.json_text import parse_json
from schemas.limits import Limits
from schemas.own_json import own_fields
from schemas.plain import UNPARSABLE_LINE_HEADER, plain_events
from schemas.posthog import is_envelope, posthog_fields
from schemas.record import Headers, RawBatch
from schemas.refused import Refused
from schemas.segment import is_segment, segment_fields
from schemas.timestamps import in_range

__all__ = ["DecodeContext", "Decoded", "decode", "decode_carefully", "decoded", "UNPARSABLE_LINE_HEADER"]


class DecodeContext(msgspec.Struct, frozen=True):
    """What decoding needs to know. `projects` maps tokens to project ids, `avro` schema ids to schemas."""

    projects: Mapping[str, int]
    limits: Limits
    avro: Mapping[int, AvroSchema]


class Decoded(Sequence[Verdict]):
    """One verdict per record, in order: those of decoding, or what transformations have made of them.

    Who needs no event by itself takes the columns, and none is ever made."""

    def __init__(self, places: NDArray[numpy.int64], plain: EventColumns, others: Mapping[int, Verdict]):
        self.places = places
        """Of the plain records in their batch, in their order."""
        self.plain = plain
        self.others = others
        """By their places, in their order: what is not plain."""
        self._made: list[Verdict] = []

    def __len__(self) -> int:
        return len(self.plain) + len(self.others)

    @overload
    def __getitem__(self, index: int) -> Verdict: ...

    @overload
    def __getitem__(self, index: slice) -> list[Verdict]: ...

    def __getitem__(self, index: int | slice) -> Verdict | list[Verdict]:
        if not self._made:
            found = {**dict(zip(self.places.tolist(), self.plain.events(), strict=True)), **self.others}
            self._made = [found[place] for place in range(len(self))]
        return self._made[index]


def decode(batch: RawBatch, context: DecodeContext) -> list[Verdict]:
    """One verdict per record, in order. No bytes whatever raise."""
    return decoded(batch, context)[:]


def decoded(batch: RawBatch, context: DecodeContext) -> Decoded:
    """The same, where most verdicts are events in columns."""
    places, plain = plain_events(batch, context.projects, context.limits)
    left = numpy.ones(len(batch), numpy.bool_)
    left[places] = False
    others = numpy.flatnonzero(left).tolist()
    return Decoded(places, plain, {place: decode_carefully(batch, place, context) for place in others})


def decode_carefully(batch: RawBatch, index: int, context: DecodeContext) -> Event | Rejected:
    """One record by every rule, one after the other."""
    try:
        _refuse_marked_line(batch.headers[index])
        received_us = _received(batch.timestamps[index])
        value = _value(batch.values[index], context.limits)
        fields, repaired = _fields(value, received_us, context)
    except Refused as refusal:
        return Rejected(refusal.code, refusal.message)
    place = Place(batch.topic_id, batch.partition, batch.offsets[index])
    return finished(fields, context.projects, context.limits, place, repaired)


def _fields(value: bytes, received_us: int, context: DecodeContext) -> tuple[Fields, int]:
    """What was sent, by the first form that matches, and how many lone surrogates were repaired in it."""
    if value[0] == 0:
        return avro_fields(value, received_us, context.avro, context.limits)
    content, repaired = parse_json(value, context.limits)
    if not isinstance(content, dict):
        raise Refused(RejectionCode.NOT_AN_OBJECT, "the record is JSON but not an object: send one event per record")
    if is_envelope(content):
        inner, more = parse_json(content["data"].encode(), context.limits, "data")
        return posthog_fields(content, inner, received_us), repaired + more
    if is_segment(content):
        return segment_fields(content, received_us), repaired
    return own_fields(content, received_us), repaired


def _value(value: bytes | None, limits: Limits) -> bytes:
    if not value:
        raise Refused(RejectionCode.EMPTY_RECORD, "the record has no value: send an event, not a tombstone")
    if len(value) > limits.event_bytes:
        raise Refused(
            RejectionCode.TOO_LARGE,
            f"the event has {len(value)} bytes, the limit is {limits.event_bytes} (limits.event_bytes); "
            "send less, or raise the limit",
        )
    return value


def _received(timestamp_ms: int) -> int:
    """The record's own timestamp in microseconds: when the pipeline's edge got the event."""
    received_us = timestamp_ms * 1000
    if not in_range(received_us):
        raise Refused(
            RejectionCode.TIMESTAMP_OUT_OF_RANGE,
            f"the record's own timestamp is {timestamp_ms} ms, no time from 1970 to 2261; let the client library set "
            "it, or set the topic's message.timestamp.type to LogAppendTime",
        )
    return received_us


def _refuse_marked_line(headers: Headers | None) -> None:
    """The importer marks a line it could not parse, so that it is counted and kept like everything else."""
    for name, number in headers or ():
        if name == UNPARSABLE_LINE_HEADER:
            line = (number or b"?").decode("ascii", "replace")[:20]
            raise Refused(
                RejectionCode.UNPARSABLE_LINE,
                f"line {line} of the imported file has not the format of the others; correct it and import it again",
            )
