"""The common case, quickly: a record in Headrace's own form with nothing unusual about it.

Such a record is decoded in one pass and its properties are handed on as the text that came. What says nothing here is
not refused: it takes the careful way (schemas/decoding.py), which gives the same answer wherever both give one. Every
check on the bytes is conservative, so that no limit is ever skipped:

- a text with no more opening brackets than the depth allows cannot nest too deep;
- a key takes at least five bytes (`"":1,`), so a short text cannot have too many;
- without a `\\u` there is neither a surrogate nor a NUL nor a hidden `$`;
- the parser checks the grammar of properties it leaves as text, but not their UTF-8: that is checked here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import numpy

from schemas.event import Event
from schemas.identifiers import record_uuid
from schemas.limits import KEY_BYTES_MIN, Limits
from schemas.record import Headers, RawBatch
from schemas.timestamps import END_US, EPOCH

__all__ = ["plain_events", "UNPARSABLE_LINE_HEADER"]

UNPARSABLE_LINE_HEADER = "headrace-unparsable-line"
"""On a record that stands for a line of an imported file in another format; the value is the line's number."""

RECORDS_AT_ONCE = 256
"""Some 300 KB of text: looked through several times, it stays in the processor's cache."""
_MICROSECOND = timedelta(microseconds=1)
_DOLLAR, _BACKSLASH, _U = b"$\\u"
_SET, _UNSET = int.from_bytes(b"set"), int.from_bytes(b"uns")
"""`$set`, `$set_once` and `$unset` may stand inside the properties; three letters tell."""


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Only the commonest keys and types: with any other the record takes the careful way."""

    token: str
    event: str
    distinct_id: str
    uuid: str = ""
    timestamp: str = ""
    historical: bool = False
    properties: msgspec.Raw = msgspec.Raw(b"{}")


_decode = msgspec.json.Decoder(_Plain).decode


def plain_events(batch: RawBatch, projects: Mapping[str, int], limits: Limits) -> list[Event | None]:
    """The event of each record that is plain in every respect; None means nothing but "look closer"."""
    event_of = _rules(batch, projects, limits)
    longest = min(limits.keys * KEY_BYTES_MIN, limits.event_bytes)
    events: list[Event | None] = []
    for start in range(0, len(batch), RECORDS_AT_ONCE):
        values = batch.values[start : start + RECORDS_AT_ONCE]
        lines = [value if value and len(value) <= longest else b"" for value in values]
        for index, (line, ordinary) in enumerate(zip(lines, _ordinary(lines, limits), strict=True), start):
            plain = _decoded(line) if ordinary and not _is_marked(batch.headers[index]) else None
            events.append(None if plain is None else event_of(plain, index))
    return events


def _rules(batch: RawBatch, projects: Mapping[str, int], limits: Limits) -> Callable[[_Plain, int], Event | None]:
    """Every rule on a field, with what is the same for the whole batch at hand: a tenth faster than looking it up."""
    timestamps, project_of = batch.timestamps, projects.get
    distinct_id_chars, event_name_chars = limits.distinct_id_chars, limits.event_name_chars
    token_bytes, future_us = limits.token_bytes, limits.future_s * 1_000_000

    def event_of(plain: _Plain, index: int) -> Event | None:
        received_us = timestamp = timestamps[index] * 1000
        token, name, distinct_id, sent_uuid = plain.token, plain.event, plain.distinct_id, plain.uuid
        properties = bytes(plain.properties)
        project = project_of(token)
        try:
            if plain.timestamp:
                # Without a zone this raises TypeError: the careful way knows that it is UTC.
                timestamp = (datetime.fromisoformat(plain.timestamp) - EPOCH) // _MICROSECOND
            uuid = _uuid(sent_uuid) if sent_uuid else record_uuid(batch.topic_id, batch.partition, batch.offsets[index])
        except (ValueError, TypeError, OverflowError):
            return None
        if (
            project is None
            or not 0 < len(distinct_id) <= distinct_id_chars
            or not 0 < len(name) <= event_name_chars
            or not 0 < len(token) <= token_bytes
            or not token.isascii()
            or properties[0] != 0x7B
            or not 0 <= timestamp < END_US
            or not 0 <= received_us < END_US
        ):
            return None
        return Event(
            uuid=uuid,
            project=project,
            event=name,
            distinct_id=distinct_id,
            timestamp=timestamp if timestamp <= received_us + future_us else received_us,
            received_at=received_us,
            properties=properties,
            historical=plain.historical,
        )

    return event_of


def _uuid(text: str) -> bytes:
    """The 16 bytes of a uuid with its dashes. Raises ValueError for any other text."""
    value = bytes.fromhex(text.replace("-", ""))
    if len(value) != 16 or len(text) != 36 or text[8:24:5] != "----":
        raise ValueError("not a uuid")
    return value


def _decoded(line: bytes) -> _Plain | None:
    try:
        return _decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _ordinary(lines: Sequence[bytes], limits: Limits) -> list[bool]:
    """Which lines have no byte that calls for a closer look. Looked at together it costs a third."""
    text = b"\n".join(lines)
    sizes = numpy.fromiter(map(len, lines), numpy.int64, len(lines))
    codes = numpy.frombuffer(text or b"\0", numpy.uint8)
    # `[` is 0x5B and `{` is 0x7B: they differ in one bit.
    places = numpy.flatnonzero(((codes & 0xDF) == 0x5B) | (codes == _DOLLAR) | (codes == _BACKSLASH))
    kinds, following = codes[places], codes.take(places + 1, mode="clip")
    weights = ((kinds & 0xDF) == 0x5B).astype(numpy.int64)
    weights[(kinds == _BACKSLASH) & (following == _U)] = limits.depth + 1
    dollars = numpy.flatnonzero(kinds == _DOLLAR)
    if len(dollars):
        at = places[dollars]
        letters = following[dollars].astype(numpy.int32)
        for distance in (2, 3):
            letters = (letters << 8) | codes.take(at + distance, mode="clip")
        weights[dollars[(letters == _SET) | (letters == _UNSET)]] = limits.depth + 1
    sums = numpy.concatenate(([0], numpy.cumsum(weights)))
    ends = numpy.searchsorted(places, numpy.cumsum(sizes + 1))
    ordinary: list[bool] = (numpy.diff(sums[ends], prepend=0) <= limits.depth).tolist()
    if text.isascii():
        return ordinary
    return [good and _is_utf8(line) for good, line in zip(ordinary, lines, strict=True)]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_marked(headers: Headers | None) -> bool:
    """The importer marks lines it could not parse."""
    return bool(headers) and any(name == UNPARSABLE_LINE_HEADER for name, _ in headers or ())
