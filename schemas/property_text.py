"""The text of an event's properties, read and written in part: most steps look at a few of dozens.

Read in part, the parser goes over the whole text and makes values of the chosen names alone: a fifth of the cost.
Written in part, a new value takes the place of the old one, byte for byte, and new properties go to the end; everything
else stays as the sender spelled it. That needs to know where a property stands. Its name in quotes stands in the text
exactly once, no `\\u` hides another spelling of it, and its value is spelled as we would: then it is there and nowhere
else. Of any other text nothing is written in part.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypedDict

import msgspec

__all__ = ["NOTHING_CHOSEN", "Reading", "reading_of", "written_in_part"]

NAMES_MAX = 64
"""The parser compares every name in the text with all that are chosen: more than so many cost as much as everything."""
READINGS_KEPT = 1_024
_NO_PLAIN_NAME = frozenset('"\\/')
"""JSON can spell them in more than one way without a `\\u`."""
_DELIMITERS = b",} \t\r\n"
_SPACE = 0x20
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


def written_in_part(
    text: bytes, sent: Mapping[str, Any], new: Mapping[str, Any], once: Collection[str], keys: Mapping[str, bytes]
) -> bytes | None:
    """The text with new values in it; None where it has to be written as a whole.

    `sent` is what stands in it under the names that matter, `keys` these names as they are written. Under the names in
    `once` nothing may stand twice even if they are not changed, nor inside of what stands there.
    """
    if b"\\" in text and b"\\u" in text:
        return None
    for name in once:
        if name in sent and name not in new and (isinstance(sent[name], dict | list) or text.count(keys[name]) != 1):
            return None
    places: list[tuple[int, int, bytes]] = []
    added = b""
    for name, value in new.items():
        if name in sent:
            start, end = _place(text, keys[name], _encode(sent[name]))
            if start < 0:
                return None
            places.append((start, end, _encode(value)))
        else:
            added += b",%b:%b" % (keys[name], _encode(value))
    if added:
        end = len(text) - 1
        if not text.endswith(b"}"):
            return None
        places.append((end, end, added if b'"' in text else added[1:]))
    if len(places) == 1:
        start, end, written = places[0]
        return b"".join((text[:start], written, text[end:]))
    return _put_in(text, places) if places else text


def _place(text: bytes, key: bytes, value: bytes) -> tuple[int, int]:
    """Where the value of a key begins and ends; -1 for both where that is not sure."""
    found = text.find(key)
    start = found + len(key)
    if found >= 0 and text.find(key, start) < 0:
        start += 2 if text[start + 1] == _SPACE else 1
        end = start + len(value)
        if text.startswith(value, start) and text[end] in _DELIMITERS:
            return start, end
    return -1, -1


def _put_in(text: bytes, places: list[tuple[int, int, bytes]]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for start, end, value in sorted(places):
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
