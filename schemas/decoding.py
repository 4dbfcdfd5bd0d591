"""Every record of events.raw becomes an event or a rejection, decided from the record alone.

Most records are the plain form with nothing unusual in it; they are decoded in one pass, their properties
untouched. Whatever is unusual takes the careful way (schemas/fields.py), which applies every rule one by one.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy

from schemas.avro import AvroSchema, avro_fields
from schemas.event import Event, Rejected, RejectionCode
from schemas.fields import Fields, Place, Refused, checked_tree, finished
from schemas.limits import Limits
from schemas.own_json import own_fields
from schemas.posthog import is_envelope, posthog_fields
from schemas.record import Headers, RawBatch
from schemas.segment import is_segment, segment_fields
from schemas.timestamps import END_US, EPOCH

__all__ = ["DecodeContext", "decode", "parse_json"]

UNPARSABLE_LINE_HEADER = "headrace-unparsable-line"
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: stays
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"  # a half without its other
    rb"|\\\\|\\[^u]"  # any other escape: stays, so that \\ud800 is not taken for one
)


class DecodeContext(msgspec.Struct, frozen=True):
    """What decoding needs to know. `projects` maps tokens to project ids, `avro` schema ids to schemas."""

    projects: Mapping[str, int]
    limits: Limits
    avro: Mapping[int, AvroSchema]


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The plain form with only its commonest keys; any other key or type sends the record the careful way."""

    token: str
    event: str
    distinct_id: str
    uuid: str
    timestamp: str = ""
    properties: msgspec.Raw = msgspec.Raw(b"{}")


_plain = msgspec.json.Decoder(_Plain).decode


def decode(batch: RawBatch, context: DecodeContext) -> list[Event | Rejected]:
    """One verdict per record, in order. No bytes whatever raise."""
    limits = context.limits
    future_us = limits.future_s * 1_000_000
    brackets = _brackets(batch.values)
    verdicts: list[Event | Rejected] = []
    for index, value in enumerate(batch.values):
        verdict: Event | Rejected | None = None
        if value is not None and brackets[index] <= limits.depth and batch.headers[index] is None:
            verdict = _quick(value, batch.timestamps[index] * 1000, context, limits, future_us)
        if verdict is None:
            verdict = _careful(batch, index, context)
        verdicts.append(verdict)
    return verdicts


def _brackets(values: Sequence[bytes | None]) -> list[int]:
    """How many opening brackets each value has: with no more than the depth allows it cannot nest too deep.

    Counted for the batch at once; both brackets differ from 0x5B in one bit at most.
    """
    present = [value or b"" for value in values]
    text = numpy.frombuffer(b"".join(present), numpy.uint8)
    places = numpy.flatnonzero((text & 0xDF) == 0x5B)
    ends = numpy.cumsum(numpy.fromiter(map(len, present), numpy.int64, len(present)))
    counts: list[int] = numpy.diff(numpy.searchsorted(places, ends), prepend=0).tolist()
    return counts


def _quick(value: bytes, received_us: int, context: DecodeContext, limits: Limits, future_us: int) -> Event | None:
    """The event, if the record is plain in every respect; None says nothing but "look closer".

    The checks on the bytes are conservative: a text shorter than the number of keys cannot have them, and without an
    escape there is neither a surrogate nor a NUL. Searching one byte costs a tenth of searching several: it goes first.
    """
    if (
        len(value) > limits.keys
        or len(value) > limits.event_bytes
        or (b"\\" in value and b"\\u" in value)
        or (b"$" in value and (b'"$set' in value or b'"$unset"' in value))
        or not (value.isascii() or _is_utf8(value))
    ):
        return None
    try:
        plain = _plain(value)
        when = datetime.fromisoformat(plain.timestamp) if plain.timestamp else None
        uuid = bytes.fromhex(plain.uuid.replace("-", ""))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    project = context.projects.get(plain.token)
    properties = bytes(plain.properties)
    if when is None:
        happened = received_us
    elif when.tzinfo is None:
        return None
    else:
        span = when - EPOCH
        happened = (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
        if not 0 <= happened < END_US:
            return None
        if happened > received_us + future_us:
            happened = received_us
    if (
        project is None
        or len(uuid) != 16
        or len(plain.uuid) != 36
        or plain.uuid[8:24:5] != "----"
        or not 0 < len(plain.distinct_id) <= limits.distinct_id_chars
        or not 0 < len(plain.event) <= limits.event_name_chars
        or not plain.token
        or len(plain.token) > limits.token_bytes
        or properties[:1] != b"{"
    ):
        return None
    return Event(
        uuid=uuid,
        project=project,
        event=plain.event,
        distinct_id=plain.distinct_id,
        timestamp=happened,
        received_at=received_us,
        properties=properties,
    )


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _careful(batch: RawBatch, index: int, context: DecodeContext) -> Event | Rejected:
    """Every rule, one after the other."""
    value = batch.values[index]
    received_us = batch.timestamps[index] * 1000
    try:
        _refuse_marked_line(batch.headers[index])
        if not value:
            raise Refused(RejectionCode.EMPTY_RECORD, "the record has no value: send an event, not a tombstone")
        if len(value) > context.limits.event_bytes:
            raise Refused(
                RejectionCode.TOO_LARGE,
                f"the event has {len(value)} bytes, the limit is {context.limits.event_bytes} (limits.event_bytes); "
                "send less, or raise the limit",
            )
        fields, repaired = _fields(value, received_us, context)
    except Refused as refusal:
        return Rejected(refusal.code, refusal.message)
    place = Place(batch.topic_id, batch.partition, batch.offsets[index])
    return finished(fields, context.projects, context.limits, place, repaired)


def _fields(value: bytes, received_us: int, context: DecodeContext) -> tuple[Fields, int]:
    """What was sent, by the first form that matches."""
    if value[:1] == b"\x00":
        return avro_fields(value, received_us, context.avro, context.limits), 0
    content, repaired = parse_json(value, context.limits)
    if not isinstance(content, dict):
        raise Refused(RejectionCode.NOT_AN_OBJECT, "the record is JSON but not an object: send one event per record")
    if is_envelope(content):
        inner, more = parse_json(content["data"].encode("utf-8", "surrogatepass"), context.limits)
        return posthog_fields(content, inner, received_us), repaired + more
    if is_segment(content):
        return segment_fields(content, received_us), repaired
    return own_fields(content, received_us), repaired


def parse_json(text: bytes, limits: Limits) -> tuple[Any, int]:
    """The JSON value, and how many lone surrogates were replaced by U+FFFD. Raises Refused."""
    try:
        text.decode()
    except UnicodeDecodeError as problem:
        raise Refused(
            RejectionCode.NOT_JSON, f"the record is not UTF-8 at byte {problem.start}: send UTF-8 JSON"
        ) from problem
    repaired = 0
    if b"\\u" in text:
        text, repaired = _repaired(text)
    try:
        content = msgspec.json.decode(text)
    except RecursionError as problem:
        raise Refused(
            RejectionCode.TOO_DEEP, f"the event is nested more than {limits.depth} levels deep (limits.depth)"
        ) from problem
    except (msgspec.DecodeError, ValueError) as problem:
        raise Refused(RejectionCode.NOT_JSON, f"{problem}: send one JSON object per record") from problem
    checked_tree(content, limits)
    return content, repaired


def _repaired(text: bytes) -> tuple[bytes, int]:
    count = 0

    def mend(found: re.Match[bytes]) -> bytes:
        nonlocal count
        if len(found[0]) == 6:
            count += 1
            return b"\\ufffd"
        return found[0]

    return _LONE_SURROGATE.sub(mend, text), count


def _refuse_marked_line(headers: Headers | None) -> None:
    """The importer marks a line it could not parse, so that it is counted and kept like everything else."""
    for name, number in headers or ():
        if name == UNPARSABLE_LINE_HEADER:
            line = (number or b"?").decode("ascii", "replace")[:20]
            raise Refused(
                RejectionCode.UNPARSABLE_LINE,
                f"line {line} of the imported file has not the format of the others",
            )
