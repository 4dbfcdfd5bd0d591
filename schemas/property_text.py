"""The text of an event's properties, read and written in part: most steps look at a few of dozens.

Read in part, the parser goes over the whole text and makes values of the chosen names alone: a fifth of the cost.
Written in part, a new value takes the place of the old one, byte for byte, new properties go to the end, and those that
are removed are cut out with their commas; everything else stays as the sender spelled it. That needs to know where a
property stands. Its name in quotes stands in the text exactly once, no `\\u` hides another spelling of it, and its
value is spelled as we would: then it is there and nowhere else. Of any other text nothing is written in part.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypedDict

import msgspec
import numpy
from numpy.typing import NDArray

from schemas.property_paths import GONE

__all__ = ["NOTHING_CHOSEN", "Place", "Reading", "Texts", "reading_of", "written_in_part"]

NAMES_MAX = 64
"""The parser compares every name in the text with all that are chosen: more than so many cost as much as everything."""
READINGS_KEPT = 1_024
_NO_PLAIN_NAME = frozenset('"\\/')
"""JSON can spell them in more than one way without a `\\u`."""
_DELIMITERS = b",} \t\r\n"
_SPACE, _COMMA, _OPENING, _BRACE = b" ,{}"
_COMPARED = 2
"""So many letters of a key are looked for everywhere, the others where these are found."""
TOGETHER_MIN = 16
"""So many texts are searched faster together than one by one."""
Span = tuple[int, int]
Place = tuple[int, int, bytes]
"""Where a value begins and ends, and what stands there instead."""
_NESTED = frozenset({dict, list})
_NO_SPANS: Mapping[str, Span] = {}
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
        self._values: dict[str, list[int]] = {}
        self._heads: dict[bytes, NDArray[numpy.int64]] = {}
        first = text.find(b"\\", start, ends[-1])
        self._escaped = first >= 0 and text.find(b"\\u", first, ends[-1]) >= 0

    def places(
        self,
        row: int,
        sent: Mapping[str, Any],
        new: Mapping[str, Any],
        once: Collection[str],
        keys: Mapping[str, bytes],
        spans: Mapping[str, Span] = _NO_SPANS,
    ) -> list[Place] | None:
        """Where the new values have to be put into one of the texts; None where it has to be written as a whole.

        `sent` is what stands in it under the names that matter, `keys` these names as they are written; GONE as a new
        value removes the property. `spans` are where values stand of which it is known, from the start of the text on.
        Under the names in `once` nothing may stand twice even if they are not changed, nor inside of what stands there.
        """
        text, values = self.text, self._values
        if self._escaped and text.find(b"\\u", self._begin(row), self._ends[row]) >= 0:
            return None
        for name in once:
            if name in sent and name not in new:
                at = (values.get(name) or self._search(name, keys))[row]
                if at < 0 or type(sent[name]) in _NESTED:
                    return None
        added: dict[str, Any] = {}
        places: list[Place] = []
        cuts: list[Span] = []
        for name, value in new.items():
            if name not in sent:
                added[name] = value
                continue
            if name in spans:
                at, after = spans[name]
                at, after = at + self._begin(row), after + self._begin(row)
            else:
                before = _encode(sent[name])
                at = (values.get(name) or self._search(name, keys))[row]
                after = at + len(before)
                if at < 0 or not text.startswith(before, at) or text[after] not in _DELIMITERS:
                    return None
            if value is GONE:
                cuts.append((at - 1 - (text[at - 1] == _SPACE) - len(_key(name, keys)), after))
            else:
                places.append((at, after, _encode(value)))
        if added or cuts:
            return self._with_others(row, places, added, cuts)
        if len(places) > 1:
            places.sort()
        return places

    def _with_others(
        self, row: int, places: list[Place], added: dict[str, Any], cuts: list[Span]
    ) -> list[Place] | None:
        """With what is put at the end and what is cut out."""
        empty = False
        if cuts:
            found = _cut_out(self.text, sorted(cuts))
            if found is None:
                return None
            places, empty = places + found[0], found[1]
        places.sort()
        if added:
            end, written = self._ends[row], _encode(added)[1:-1]
            if self.text[end - 1] != _BRACE:
                return None
            follows = not empty and self.text.find(b'"', self._begin(row), end) >= 0
            places.append((end - 1, end - 1, b"," + written if follows else written))
        return places

    def size(self, row: int) -> int:
        """Bytes of one of the texts."""
        return self._ends[row] - self._begin(row)

    def _begin(self, row: int) -> int:
        return self._ends[row - 1] if row else self._start

    def _search(self, name: str, keys: Mapping[str, bytes]) -> list[int]:
        """Where in each text the value of the only key of this name begins; below 0 where there is none, or another."""
        search = self._together if len(self._ends) >= TOGETHER_MIN else self._one_by_one
        found = self._values[name] = search(keys[name])
        return found

    def _together(self, key: bytes) -> list[int]:
        whole = numpy.frombuffer(self.text, numpy.uint8, self._ends[-1])
        at = self._beginning_with(whole, key[:_COMPARED])
        at = at[at < len(whole) - len(key)]
        for place in range(_COMPARED, len(key)):
            at = at[whole[at + place] == key[place]]
        rows, after = numpy.searchsorted(self._ends, at, side="right"), at + (len(key) + 1)
        only = numpy.full(len(self._ends), -1)
        only[rows] = after + (whole[numpy.minimum(after, len(whole) - 1)] == _SPACE)
        only[numpy.bincount(rows, minlength=len(only)) > 1] = -1
        found: list[int] = only.tolist()
        return found

    def _beginning_with(self, whole: NDArray[numpy.uint8], head: bytes) -> NDArray[numpy.int64]:
        """Where keys with these letters in front may begin; many names have their first letters in common."""
        found = self._heads.get(head)
        if found is None:
            alike = whole[self._start : len(whole) - 1] == head[0]
            alike &= whole[self._start + 1 :] == head[1]
            found = self._heads[head] = numpy.flatnonzero(alike) + self._start
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


def _key(name: str, keys: Mapping[str, bytes]) -> bytes:
    return keys.get(name) or _encode(name)


def _cut_out(text: bytes, found: Iterable[tuple[int, int]]) -> tuple[list[Place], bool] | None:
    """What goes with these properties, told from key to value and in their order; and whether nothing is left then.

    Each takes the comma before it with it, or the one behind where nothing is left before it. None where something else
    stands around them.
    """
    places: list[Place] = []
    first, empty = -1, False
    for start, end in found:
        before = start - 1 - (text[start - 1] == _SPACE)
        if start == first or text[before] == _OPENING:
            if text[end] == _COMMA:
                first = end + 1 + (text[end + 1] == _SPACE)
            elif text[end] == _BRACE:
                first, empty = end, True
            else:
                return None
            places.append((start, first, b""))
        elif text[before] == _COMMA:
            places.append((before, end, b""))
        else:
            return None
    return places, empty


def written_in_part(
    text: bytes,
    sent: Mapping[str, Any],
    new: Mapping[str, Any],
    once: Collection[str],
    keys: Mapping[str, bytes],
    spans: Mapping[str, Span] = _NO_SPANS,
) -> bytes | None:
    """The text with new values in it; None where it has to be written as a whole. As `Texts.places` has them."""
    places = Texts(text, 0, (len(text),)).places(0, sent, new, once, keys, spans)
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
