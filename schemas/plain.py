"""The common case, quickly: a record in Headrace's own form with nothing unusual about it.

Such a record is decoded in one pass and its properties are handed on as the text that came. What says nothing here is
not refused: it takes the careful way (schemas/decoding.py), which gives the same answer wherever both give one. Every
check is conservative, so that no limit is ever skipped; beside those of the first look (schemas/first_look.py):

- a key takes at least five bytes (`"":1,`), so a short text cannot have too many;
- `$set`, `$set_once` and `$unset` are taken where they stand at the top: if the text has more of them, the others may
  stand inside the properties, where they count as well.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from typing import Annotated, Protocol

import msgspec
import numpy
from numpy.typing import NDArray

from schemas.event_columns import EventColumns
from schemas.first_look import Looks, looked_at
from schemas.limits import KEY_BYTES_MIN, Limits
from schemas.marks import marks_of
from schemas.read_together import NO_PROJECT, micros_of, projects_of, uuids_of
from schemas.record import Headers, RawBatch
from schemas.timestamps import END_US

__all__ = ["plain_events", "UNPARSABLE_LINE_HEADER"]

UNPARSABLE_LINE_HEADER = "headrace-unparsable-line"
"""On a record that stands for a line of an imported file in another format; the value is the line's number."""

RECORDS_AT_ONCE = 512
"""Some 600 KB of text: looked through several times, it stays near the processor, and of fewer records the calls cost
more than waiting for memory."""
_NOTHING = msgspec.Raw()
_BRACE = b"{"[0]
_view: Callable[[msgspec.Raw], memoryview] = memoryview
"""A `msgspec.Raw` is a buffer and has no length."""
_SPACES = b" \t\r\n"
_names = msgspec.json.Decoder(list[str]).decode
_Sets = tuple[bytes, bytes, bytes]
"""`$set`, `$set_once` and `$unset`, empty where nothing is set."""


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


class _Found(msgspec.Struct):
    """What was parsed, one list a field: kept as one object a record it would fall out of the processor's cache."""

    places: list[int] = []
    """Of the records in their batch, in their order."""
    tokens: list[str] = []
    events: list[str] = []
    distinct_ids: list[str] = []
    uuids: list[str] = []
    timestamps: list[str] = []
    historical: list[bool] = []
    properties: list[msgspec.Raw] = []

    def add(self, places: Iterable[int], plains: Sequence[_Plain]) -> None:
        self.places.extend(places)
        self.tokens.extend([plain.token for plain in plains])
        self.events.extend([plain.event for plain in plains])
        self.distinct_ids.extend([plain.distinct_id for plain in plains])
        self.uuids.extend([plain.uuid for plain in plains])
        self.timestamps.extend([plain.timestamp for plain in plains])
        self.historical.extend([plain.historical for plain in plains])
        self.properties.extend([plain.properties for plain in plains])


class _Special(msgspec.Struct):
    """What few records have, by their places."""

    sets: dict[int, _Sets] = {}
    marked: list[int] = []
    """Those that may say something about person or session."""
    unclear: list[int] = []
    """Their sets are not plain."""


def plain_events(
    batch: RawBatch, projects: Mapping[str, int], limits: Limits
) -> tuple[NDArray[numpy.int64], EventColumns]:
    """The events of all records that are plain in every respect, with their places. Absence means "look closer"."""
    decode = _decoder(limits)
    longest = min(limits.keys * KEY_BYTES_MIN, limits.event_bytes)
    found, special = _Found(), _Special()
    for start in range(0, len(batch), RECORDS_AT_ONCE):
        headers = batch.headers[start : start + RECORDS_AT_ONCE]
        lines = [value or b"" for value in batch.values[start : start + RECORDS_AT_ONCE]]
        if max(map(len, lines)) > longest or any(headers):
            lines = [
                b"" if len(line) > longest or (header and _is_unparsable(header)) else line
                for line, header in zip(lines, headers, strict=True)
            ]
        looks = looked_at(lines, limits)
        for odd in looks.odd:
            lines[odd] = b""
        _add(start, _decoded(decode, lines), looks, limits, found, special)
    known = {token: project for token, project in projects.items() if token.isascii()}
    return _events(batch, found, special, known, limits)


def _add(
    start: int, plains: list[_Plain | None], looks: Looks, limits: Limits, found: _Found, special: _Special
) -> None:
    parsed = [plain for plain in plains if plain]
    places: Iterable[int] = range(start, start + len(plains))
    found.add(places if len(parsed) == len(plains) else compress(places, map(bool, plains)), parsed)
    special.marked.extend(start + number for number in looks.marked)
    for number, times in looks.sets.items():
        plain = plains[number]
        sets = _sets(plain, times, limits.keys) if plain else None
        if sets is None:
            special.unclear.append(start + number)
        else:
            special.sets[start + number] = sets


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


def _decoded(decode: Callable[[bytes], _Plain], lines: Sequence[bytes]) -> list[_Plain | None]:
    """Each line parsed; None for one that is not plain. What was parsed before a failure stays in the list."""
    found: list[_Plain | None] = []
    rest = iter(lines)
    while len(found) < len(lines):
        try:
            found.extend(map(decode, rest))
        except (msgspec.DecodeError, ValueError, RecursionError):
            found.append(None)
    return found


def _events(
    batch: RawBatch, found: _Found, special: _Special, projects: Mapping[str, int], limits: Limits
) -> tuple[NDArray[numpy.int64], EventColumns]:
    """Every rule that is left, for all records together: one by one they cost four times as much."""
    places = numpy.fromiter(found.places, numpy.int64, len(found.places))
    project = projects_of(found.tokens, projects)
    # What is out of range stays out of it: without the clip it may wrap around into it.
    received = numpy.array(batch.timestamps, numpy.int64)[places].clip(-1, END_US // 1000) * 1000
    sent = micros_of(found.timestamps, received)
    uuids, good = uuids_of(batch, found.uuids, found.places)
    text = b"".join(found.properties)
    sizes = numpy.fromiter(map(len, map(_view, found.properties)), numpy.int64, len(places))
    good &= numpy.frombuffer(text or b"\0", numpy.uint8)[numpy.cumsum(sizes) - sizes] == _BRACE
    good &= (project != NO_PROJECT) & (sent >= 0) & (sent < END_US) & (received >= 0) & (received < END_US)
    if special.unclear:
        good &= ~numpy.isin(places, special.unclear)
    events = EventColumns(
        uuid=uuids,
        project=project,
        event=found.events,
        distinct_id=found.distinct_ids,
        timestamp=numpy.where(sent <= received + limits.future_s * 1_000_000, sent, received),
        received_at=received,
        properties=text,
        sizes=sizes,
        set={},
        set_once={},
        unset={},
        historical=list(compress(range(len(places)), found.historical)),
        marks={},
    )
    if not good.all():
        places, events = places[good], _only(events, good)
    return places, _with_special(events, places, special)


def _only(events: EventColumns, good: NDArray[numpy.bool_]) -> EventColumns:
    """These rows, with their properties."""
    text = b"".join(_properties(events, good))
    return msgspec.structs.replace(events.only(good.tolist()), properties=text)


def _properties(events: EventColumns, chosen: NDArray[numpy.bool_] | NDArray[numpy.int64]) -> list[bytes]:
    ends = numpy.cumsum(events.sizes)[chosen]
    starts = ends - events.sizes[chosen]
    return [events.properties[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def _with_special(events: EventColumns, places: NDArray[numpy.int64], special: _Special) -> EventColumns:
    """The same events with what few of them have."""
    sets = _by_row(special.sets, places)
    return msgspec.structs.replace(
        events,
        set={row: special.sets[place][0] for row, place in sets if special.sets[place][0]},
        set_once={row: special.sets[place][1] for row, place in sets if special.sets[place][1]},
        unset={row: special.sets[place][2] for row, place in sets if special.sets[place][2]},
        marks=_marks(events, [row for row, _ in _by_row(special.marked, places)]),
    )


def _by_row(wanted: Collection[int], places: NDArray[numpy.int64]) -> list[tuple[int, int]]:
    """(row, place) of each place that is among these, which are in order."""
    if not len(places):
        return []
    chosen = numpy.fromiter(wanted, numpy.int64, len(wanted))
    rows = numpy.searchsorted(places, chosen)
    found = places[numpy.minimum(rows, len(places) - 1)] == chosen
    return list(zip(rows[found].tolist(), chosen[found].tolist(), strict=True))


def _marks(events: EventColumns, rows: Sequence[int]) -> dict[int, bytes]:
    texts = _properties(events, numpy.array(rows, numpy.int64))
    marks = {row: marks_of(events.event[row], text) for row, text in zip(rows, texts, strict=True)}
    return {row: mark for row, mark in marks.items() if mark}


def _sets(plain: _Plain, times: int, names_max: int) -> _Sets | None:
    """None where one has another type, or may stand elsewhere as well."""
    set_, set_once, unset = bytes(plain.set), bytes(plain.set_once), bytes(plain.unset)
    if bool(set_) + bool(set_once) + bool(unset) != times or not _is_object(set_) or not _is_object(set_once):
        return None
    if not unset:
        return _unless_empty(set_), _unless_empty(set_once), b""
    try:
        names = _names(unset)
    except msgspec.ValidationError:
        return None
    if len(names) > names_max:
        return None
    names = list(dict.fromkeys(names))
    return _unless_empty(set_), _unless_empty(set_once), msgspec.json.encode(names) if names else b""


def _is_object(text: bytes) -> bool:
    return not text or text[0] == _BRACE


def _unless_empty(text: bytes) -> bytes:
    return b"" if not text[1:-1].strip(_SPACES) else text


def _is_unparsable(headers: Headers) -> bool:
    """The importer marks lines it could not parse."""
    return any(name == UNPARSABLE_LINE_HEADER for name, _ in headers)
