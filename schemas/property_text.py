"""The text of an event's properties, read and written in part: most steps look at a few of dozens.

Read in part, the parser goes over the whole text and makes values of the chosen names alone: a fifth of the cost.
Written in part, a new value takes the place of the old one, byte for byte, and new properties go to the end; everything
else stays as the sender spelled it. That needs to know where a property stands. Its name in quotes stands in the text
exactly once, no `\\u` hides another spelling of it, and its value is spelled as we would: then it is there and nowhere
else. Of any other text nothing is written in part.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypedDict

import msgspec
import numpy

__all__ = ["NOTHING_CHOSEN", "Place", "Reading", "Texts", "reading_of", "written_in_part"]

NAMES_MAX = 64
"""The parser compares every name in the text with all that are chosen: more than so many cost as much as everything."""
READINGS_KEPT = 1_024
_NO_PLAIN_NAME = frozenset('"\\/')
"""JSON can spell them in more than one way without a `\\u`."""
_DELIMITERS = b",} \t\r\n"
_SPACE, _BRACE = b" }"
_COMPARED = 4
"""So many letters of a key are looked for everywhere, the others where these are found."""
TOGETHER_MIN = 16
"""So many texts are searched faster together than one by one."""
Place = tuple[int, int, bytes]
"""Where a value begins and ends, and what stands there instead."""
_encode = msgspec.json.Encoder().encode


class Reading:
    """The names that are read, in two steps: those that are asked of every event, and the others once they are."""

    __slots__ = ("first", "keys", "names", "read_first", "read_rest")

    def __init__(self, first: frozenset[str], rest: frozenset[str]) -> None:
        self.first = first
        self.names = first | rest
        """Of no other name can it be told whether it stands there."""
        self.keys = {name: f'"{name}"'.encode() for name in self.names}
        self.read_first = _decoder(first)
        self.read_rest = _decoder(rest - first)
        """Both raise msgspec.DecodeError for what only the careful way can read."""


def reading_of(always: Iterable[str], sometimes: Iterable[str] = ()) -> Reading:
    """What reads these names; nothing is read in part where there are too many."""
    first, rest = frozenset(filter(_is_plain, always)), frozenset(filter(_is_plain, sometimes))
    return _reading(first, rest) if len(first | rest) <= NAMES_MAX else NOTHING_CHOSEN


class Texts:
    """Texts of properties one behind the other, and where in each of them the value of a name stands."""

    def __init__(self, text: bytes, start: int, ends: Sequence[int]) -> None:
        """`ends` are where they end in the text; the first begins at `start`."""
        self.text = text
        self._start, self._ends = start, ends
        self._found: dict[str, list[int]] = {}
        first = text.find(b"\\", start, ends[-1])
        self._escaped = first >= 0 and text.find(b"\\u", first, ends[-1]) >= 0

    def places(
        self,
        row: int,
        sent: Mapping[str, Any],
        new: Mapping[str, Any],
        once: Collection[str],
        keys: Mapping[str, bytes],
    ) -> list[Place] | None:
        """Where the new values have to be put into one of the texts; None where it has to be written as a whole.

        `sent` is what stands in it under the names that matter, `keys` these names as they are written. Under the
        names in `once` nothing may stand twice even if they are not changed, nor inside of what stands there.
        """
        if self._escaped and self.text.find(b"\\u", self._begin(row), self._ends[row]) >= 0:
            return None
        for name in once:
            unchanged = name in sent and name not in new
            if unchanged and (isinstance(sent[name], dict | list) or self._value(name, keys, row) < 0):
                return None
        text, added = self.text, b""
        places: list[Place] = []
        for name, value in new.items():
            if name not in sent:
                added += b",%b:%b" % (keys[name], _encode(value))
                continue
            at, before = self._value(name, keys, row), _encode(sent[name])
            after = at + len(before)
            if at < 0 or not text.startswith(before, at) or text[after] not in _DELIMITERS:
                return None
            places.append((at, after, _encode(value)))
        if len(places) > 1:
            places.sort()
        if added:
            end = self._ends[row]
            if text[end - 1] != _BRACE:
                return None
            places.append((end - 1, end - 1, added if text.find(b'"', self._begin(row), end) >= 0 else added[1:]))
        return places

    def size(self, row: int) -> int:
        """Bytes of one of the texts."""
        return self._ends[row] - self._begin(row)

    def _begin(self, row: int) -> int:
        return self._ends[row - 1] if row else self._start

    def _value(self, name: str, keys: Mapping[str, bytes], row: int) -> int:
        """Where the value of the only key of this name begins; below 0 where there is no such key, or another."""
        found = self._found.get(name)
        if found is None:
            search = self._together if len(self._ends) >= TOGETHER_MIN else self._one_by_one
            found = self._found[name] = search(keys[name])
        return found[row]

    def _together(self, key: bytes) -> list[int]:
        whole = numpy.frombuffer(self.text, numpy.uint8)[self._start : self._ends[-1]]
        count = max(0, len(whole) - len(key))
        alike = whole[:count] == key[0]
        for place in range(1, min(len(key), _COMPARED)):
            alike &= whole[place : place + count] == key[place]
        at = numpy.flatnonzero(alike)
        for place in range(_COMPARED, len(key)):
            at = at[whole[at + place] == key[place]]
        rows = numpy.searchsorted(self._ends, at + self._start, side="right")
        after = at + len(key) + 1
        only = numpy.full(len(self._ends), -1)
        only[rows] = self._start + after + (whole[numpy.minimum(after, len(whole) - 1)] == _SPACE)
        only[numpy.bincount(rows, minlength=len(only)) > 1] = -1
        found: list[int] = only.tolist()
        return found

    def _one_by_one(self, key: bytes) -> list[int]:
        text, found, start = self.text, [], self._start
        for end in self._ends:
            at = text.find(key, start, end)
            only = at >= 0 and text.find(key, at + len(key), end) < 0
            at += len(key) + 1
            found.append((at + (text[at : at + 1] == b" ")) if only else -1)
            start = end
        return found


def written_in_part(
    text: bytes, sent: Mapping[str, Any], new: Mapping[str, Any], once: Collection[str], keys: Mapping[str, bytes]
) -> bytes | None:
    """The text with new values in it; None where it has to be written as a whole. As `Texts.places` has them."""
    places = Texts(text, 0, (len(text),)).places(0, sent, new, once, keys)
    if places is None:
        return None
    if len(places) == 1:
        start, end, written = places[0]
        return b"".join((text[:start], written, text[end:]))
    return _put_in(text, places) if places else text


def _put_in(text: bytes, places: list[Place]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for start, end, value in places:
        pieces += text[at:start], value
        at = end
    return b"".join((*pieces, text[at:]))


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and name.isascii() and name.isprintable() and _NO_PLAIN_NAME.isdisjoint(name)


def _decoder(names: frozenset[str]) -> Callable[[bytes], dict[str, Any]]:
    chosen: Any = TypedDict("Chosen", dict.fromkeys(sorted(names), Any), total=False)  # type: ignore[misc]
    decode: Any = msgspec.json.Decoder(chosen).decode
    return decode  # type: ignore[no-any-return]


_reading = lru_cache(maxsize=READINGS_KEPT)(Reading)
NOTHING_CHOSEN = Reading(frozenset(), frozenset())
"""For who looks at everything: then nothing is gained by reading in part."""
