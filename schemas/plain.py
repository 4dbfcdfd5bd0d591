"""The common case, quickly: a record in Headrace's own form with nothing unusual about it.

Such a record is decoded in one pass and its properties are handed on as the text that came. What says nothing here is
not refused: it takes the careful way (schemas/decoding.py), which gives the same answer wherever both give one. Every
check on the bytes is conservative, so that no limit is ever skipped:

- a text with no more opening brackets than the depth allows cannot nest too deep;
- a key takes at least five bytes (`"":1,`), so a short text cannot have too many;
- without a `\\u` there is neither a surrogate nor a NUL nor a hidden `$`;
- `$set`, `$set_once` and `$unset` are taken where they stand at the top: if the text has more of them, the others may
  stand inside the properties, where they count as well;
- the parser checks the grammar of properties it leaves as text, but not their UTF-8: that is checked here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Protocol

import msgspec
import numpy
import pyarrow as pa
from numpy.typing import NDArray

from schemas.event import Event
from schemas.identifiers import record_uuid
from schemas.limits import KEY_BYTES_MIN, Limits
from schemas.marks import CLAIM_EVENTS, marks_of
from schemas.record import Headers, RawBatch
from schemas.timestamps import END_US, EPOCH

__all__ = ["plain_events", "UNPARSABLE_LINE_HEADER"]

UNPARSABLE_LINE_HEADER = "headrace-unparsable-line"
"""On a record that stands for a line of an imported file in another format; the value is the line's number."""

RECORDS_AT_ONCE = 256
"""Some 300 KB of text: looked through several times, it stays in the processor's cache."""
_NOTHING = msgspec.Raw()
_NO_SETS = (b"", b"", b"")
_MICROSECOND = timedelta(microseconds=1)
_DOLLAR, _BACKSLASH, _U = b"$\\u"
_BRACE, _DASH = b"{-"
_MANY = 1 << 32
"""More words than a batch of lines can hold."""
_DASHES = [8, 13, 18, 23]
_MICROS = pa.timestamp("us", tz="UTC")
_SET, _UNSET = int.from_bytes(b"set"), int.from_bytes(b"uns")
"""Of `$set`, `$set_once` and `$unset`: three letters tell."""
_MARKS = [int.from_bytes(letters) for letters in (b"ses", b"ano", b"pro")]
"""Of `$session_id`, `$anon_distinct_id` and `$process_person_profile` (schemas/marks.py)."""


class _Plain(Protocol):
    """Only the commonest keys and types: with any other the record takes the careful way."""

    token: str
    event: str
    distinct_id: str
    uuid: str
    timestamp: str
    historical: bool
    properties: msgspec.Raw
    set: msgspec.Raw
    set_once: msgspec.Raw
    unset: msgspec.Raw


class _Looks(msgspec.Struct, frozen=True):
    """What a first look at the bytes of some lines tells, line by line."""

    ordinary: list[bool]
    """No byte calls for a closer look."""
    sets: list[int]
    """How often `$set`, `$set_once` or `$unset` stands in it, or what begins like them."""
    marked: list[bool]
    """Its properties may say something about person or session."""


def plain_events(batch: RawBatch, projects: Mapping[str, int], limits: Limits) -> list[Event | None]:
    """The event of each record that is plain in every respect; None means nothing but "look closer"."""
    decode = _decoder(limits)
    known = {token: project for token, project in projects.items() if token.isascii()}
    longest = min(limits.keys * KEY_BYTES_MIN, limits.event_bytes)
    events: list[Event | None] = []
    for start in range(0, len(batch), RECORDS_AT_ONCE):
        values = batch.values[start : start + RECORDS_AT_ONCE]
        headers = batch.headers[start : start + RECORDS_AT_ONCE]
        lines = [value if value and len(value) <= longest else b"" for value in values]
        looks = _looked_at(lines, limits)
        plains = [
            _decoded(decode, line) if ordinary and not (header and _is_unparsable(header)) else None
            for line, header, ordinary in zip(lines, headers, looks.ordinary, strict=True)
        ]
        events += _events(batch, start, plains, looks, known, limits)
    return events


@lru_cache(maxsize=16)
def _decoder(limits: Limits) -> Callable[[bytes], _Plain]:
    """Reads plain records; the parser checks the lengths as it goes, which costs nothing."""

    class Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
        token: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.token_bytes)]
        event: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.event_name_chars)]
        distinct_id: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.distinct_id_chars)]
        uuid: Annotated[str, msgspec.Meta(min_length=36, max_length=36)] = ""
        timestamp: str = ""
        historical: bool = False
        properties: msgspec.Raw = msgspec.Raw(b"{}")
        set: msgspec.Raw = msgspec.field(default=_NOTHING, name="$set")
        set_once: msgspec.Raw = msgspec.field(default=_NOTHING, name="$set_once")
        unset: msgspec.Raw = msgspec.field(default=_NOTHING, name="$unset")

    return msgspec.json.Decoder(Plain).decode


def _events(
    batch: RawBatch,
    start: int,
    plains: list[_Plain | None],
    looks: _Looks,
    projects: Mapping[str, int],
    limits: Limits,
) -> list[Event | None]:
    """Every rule that is left. uuids and timestamps are read together: one by one they cost four times as much."""
    events: list[Event | None] = [None] * len(plains)
    found = [index for index, plain in enumerate(plains) if plain is not None]
    kept = [plain for plain in plains if plain is not None]
    places = [start + index for index in found]
    received = numpy.fromiter([batch.timestamps[place] for place in places], numpy.int64, len(places)) * 1000
    sent = _micros([plain.timestamp for plain in kept], received)
    good = (sent >= 0) & (sent < END_US) & (received >= 0) & (received < END_US)
    timestamps = numpy.where(sent <= received + limits.future_s * 1_000_000, sent, received)
    rows = zip(
        found, kept, _uuids(batch, places, kept), good.tolist(), timestamps.tolist(), received.tolist(), strict=True
    )
    project_of = projects.get
    for index, plain, uuid, in_range, timestamp, received_us in rows:
        project = project_of(plain.token)
        properties = bytes(plain.properties)
        if project is None or uuid is None or not in_range or properties[0] != _BRACE:
            continue
        marks = b""
        if looks.marked[index] or plain.event in CLAIM_EVENTS:
            marks = marks_of(plain.event, properties)
        sets = _sets(plain, looks.sets[index], limits.keys) if looks.sets[index] else _NO_SETS
        if sets is not None:
            events[index] = Event(
                uuid=uuid,
                project=project,
                event=plain.event,
                distinct_id=plain.distinct_id,
                timestamp=timestamp,
                received_at=received_us,
                properties=properties,
                set=sets[0],
                set_once=sets[1],
                unset=sets[2],
                historical=plain.historical,
                marks=marks,
            )
    return events


def _sets(plain: _Plain, times: int, names_max: int) -> tuple[bytes, bytes, bytes] | None:
    """The three, empty where nothing is set; None where one has another type, or may stand elsewhere as well."""
    given = [bytes(plain.set), bytes(plain.set_once), bytes(plain.unset)]
    if sum(map(bool, given)) != times or any(text and text[0] != _BRACE for text in given[:2]):
        return None
    try:
        names = msgspec.json.decode(given[2], type=list[str]) if given[2] else []
    except msgspec.ValidationError:
        return None
    if len(names) > names_max:
        return None
    names = list(dict.fromkeys(names))
    set_, set_once = (b"" if text == b"{}" else text for text in given[:2])
    return set_, set_once, msgspec.json.encode(names) if names else b""


def _micros(texts: list[str], received: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
    """When each was sent, in microseconds; the receipt where that was not said, -1 where it is unclear."""
    try:
        # Takes less than `fromisoformat`, and the same for what it takes: no time without a zone, either.
        whole = pa.array(texts, pa.string()).cast(_MICROS)
    except pa.ArrowInvalid:
        pairs = zip(texts, received.tolist(), strict=True)
        return numpy.array([_micros_of(text) if text else other for text, other in pairs], numpy.int64)
    return numpy.asarray(whole.cast(pa.int64()))


def _micros_of(text: str) -> int:
    try:
        # Without a zone this raises TypeError: the careful way knows that it is UTC.
        return (datetime.fromisoformat(text) - EPOCH) // _MICROSECOND
    except (ValueError, TypeError, OverflowError):
        return -1


def _uuids(batch: RawBatch, places: list[int], plains: list[_Plain]) -> list[bytes | None]:
    """The 16 bytes of each uuid; None where the text has 36 characters and is none."""
    texts = [plain.uuid for plain in plains]
    if "" not in texts:
        joined = "".join(texts)
        try:
            signs = numpy.frombuffer(joined.encode("ascii"), numpy.uint8).reshape(-1, 36)
            whole = bytes.fromhex(joined.replace("-", ""))
        except ValueError:
            whole = b""
        if len(whole) == 16 * len(texts) and (signs[:, _DASHES] == _DASH).all():
            return [whole[at : at + 16] for at in range(0, len(whole), 16)]
    return [
        _uuid(text) if text else record_uuid(batch.topic_id, batch.partition, batch.offsets[place])
        for text, place in zip(texts, places, strict=True)
    ]


def _uuid(text: str) -> bytes | None:
    """The 16 bytes of a uuid with its dashes; None for any other text."""
    try:
        value = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return value if len(value) == 16 and text[8:24:5] == "----" else None


def _decoded(decode: Callable[[bytes], _Plain], line: bytes) -> _Plain | None:
    try:
        return decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _looked_at(lines: Sequence[bytes], limits: Limits) -> _Looks:
    """A first look at the bytes of all lines. Together it costs a third."""
    text = b"\n".join(lines)
    sizes = numpy.fromiter(map(len, lines), numpy.int64, len(lines))
    codes = numpy.frombuffer(text or b"\0", numpy.uint8)
    # `[` is 0x5B and `{` is 0x7B: they differ in one bit.
    places = numpy.flatnonzero(((codes & 0xDF) == 0x5B) | (codes == _DOLLAR) | (codes == _BACKSLASH))
    kinds, following = codes[places], codes.take(places + 1, mode="clip")
    weights = ((kinds & 0xDF) == 0x5B).astype(numpy.int64)
    weights[(kinds == _BACKSLASH) & (following == _U)] = limits.depth + 1
    ends = numpy.searchsorted(places, numpy.cumsum(sizes + 1))
    dollars = numpy.flatnonzero(kinds == _DOLLAR)
    sets, marked = [0] * len(lines), [False] * len(lines)
    if len(dollars):
        at = places[dollars]
        letters = following[dollars].astype(numpy.int32)
        for distance in (2, 3):
            letters = (letters << 8) | codes.take(at + distance, mode="clip")
        words = numpy.zeros(len(places), numpy.int64)
        words[dollars[(letters == _SET) | (letters == _UNSET)]] = 1
        words[dollars[numpy.isin(letters, _MARKS)]] = _MANY
        found = _per_line(words, ends)
        sets, marked = (found % _MANY).tolist(), (found >= _MANY).tolist()
    ordinary: list[bool] = (_per_line(weights, ends) <= limits.depth).tolist()
    if not text.isascii():
        ordinary = [good and (line.isascii() or _is_utf8(line)) for good, line in zip(ordinary, lines, strict=True)]
    return _Looks(ordinary, sets, marked)


def _per_line(weights: NDArray[numpy.int64], ends: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
    """Sums of the weights between the ends."""
    return numpy.diff(numpy.concatenate(([0], numpy.cumsum(weights)))[ends], prepend=0)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_unparsable(headers: Headers) -> bool:
    """The importer marks lines it could not parse."""
    return any(name == UNPARSABLE_LINE_HEADER for name, _ in headers)
