"""Properties that stand in a text for certain, found by what their values look like: for who does not know their names.

In a text without a backslash every quote begins or ends a string, and behind the end of one stands a colon, a comma, a
bracket or a space. So a string that begins with none of these, and has a colon behind it, is a key; what stands behind
the colon is its value. If every object before it has been gone over, it is a property of the event itself. Whatever is
not as simple as that is not told, and has to be read as a whole.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

__all__ = ["Standing", "has_other", "nulls", "objects", "only", "other_than", "values"]

FOUND_MAX = 8
"""More than so many are found faster by reading everything."""
TRIES_MAX = 8
"""So many closing brackets may be inside of a value, in its texts or in other values."""
VALUE_BYTES_MAX = 16_384
"""Of an object or a list, which may be read once for every closing bracket in it."""
WORDS_MAX = 64
"""So many `null` are looked at, wherever they stand."""
_SPACES_MAX = 8
Standing = tuple[Any, int, int]
"""The value of a property, and where it begins and ends in the text."""
_BEHIND_STRINGS = b":,]} \t\r\n"
_SPACES = b" \t\r\n"
_QUOTE, _COLON, _SPACE, _OPENING = b'": {'
_BRACES, _BRACKETS = (b"{", b"}"), (b"[", b"]")
_decode = msgspec.json.Decoder().decode


def nulls(text: bytes) -> dict[str, Standing] | None:
    """The properties that are null, by their names; None where it cannot be told which these are."""
    at = text.find(b"null")
    if at < 0:
        return {}
    if text.find(b"\\") >= 0:
        return None
    first = text.find(b"{", 1)
    around: dict[str, Standing] | None = None
    found: dict[str, Standing] = {}
    for _ in range(WORDS_MAX):
        before = text[max(0, at - _SPACES_MAX) : at].rstrip(_SPACES)
        if not before:
            return None
        if before[-1] == _COLON:
            if 0 < first < at and not around and (around := objects(text)) is None:
                return None
            if not around or not _inside(at, around):
                name = _name(text, at)
                if name is None or name in found or len(found) == FOUND_MAX:
                    return None
                found[name] = (None, at, at + 4)
        at = text.find(b"null", at + 4)
        if at < 0:
            return found
    return None


def values(text: bytes, form: re.Pattern[bytes], around: dict[str, Standing]) -> dict[str, Standing] | None:
    """The properties that are the first group of this form, which begins with a colon and has no quote but around it,
    without what is inside of those that `objects` has told; None where it cannot be told which these are."""
    if text.find(b"\\") >= 0:
        return None
    found: dict[str, Standing] = {}
    for match in form.finditer(text):
        at, end = match.span(1)
        if _inside(at, around):
            continue
        name = _name(text, at)
        if name is None or name in found or len(found) == FOUND_MAX:
            return None
        found[name] = (_decode(match[1]), at, end)
    return found


def objects(text: bytes) -> dict[str, Standing] | None:
    """The properties that are objects, or lists with objects in them; there may be other lists among them. None where
    it cannot be told which these are."""
    found: dict[str, Standing] = {}
    at = _next(text, 1)
    if at < 0:
        return found
    if text.find(b"\\") >= 0:
        return None
    while at >= 0:
        name, one = _name(text, at), _value(text, at)
        if name is None or one is None or name in found or len(found) == FOUND_MAX:
            return None
        found[name] = one
        at = _next(text, one[2])
    return found


def only(text: bytes, name: str) -> bool:
    """Whether a property of this name, which stands in a text that the others have told of, is the only one."""
    return text.count(b'"%b"' % name.encode()) == 1


def other_than(names: Iterable[str]) -> re.Pattern[bytes]:
    """Finds a key with another name than these."""
    known = b"|".join(re.escape(name.encode("utf-8", "surrogatepass")) for name in sorted(names))
    return re.compile(rb'"(?!(?:%b)")[^":,\]} \t\r\n][^"]*":' % known)


def has_other(text: bytes, other: re.Pattern[bytes]) -> bool:
    """Whether there certainly is a property whose name `other` finds; False where that cannot be told."""
    found = other.search(text)
    return found is not None and text.find(b"\\", 0, found.end()) < 0 and text.find(b"{", 1, found.start()) < 0


def _next(text: bytes, start: int) -> int:
    """Where the next object begins, or the list that it may stand in; below 0 where there is none."""
    at = text.find(b"{", start)
    if at >= 0 and text[at - 1] not in b": ":
        before = text.find(b"[", start, at)
        # An object with no list around it is found to be none, or to have no name.
        return before if before >= 0 else at
    return at


def _value(text: bytes, at: int) -> Standing | None:
    """The object or list that begins here: the first text that is one, for none begins with another."""
    opening, closing = _BRACES if text[at] == _OPENING else _BRACKETS
    end = at
    for _ in range(TRIES_MAX):
        end = text.find(closing, end) + 1
        if not end or end - at > VALUE_BYTES_MAX:
            return None
        if text.find(opening, at + 1, end) >= 0 and text.count(opening, at, end) > text.count(closing, at, end):
            continue
        try:
            return _decode(text[at:end]), at, end
        except msgspec.DecodeError:
            continue
    return None


def _inside(at: int, around: dict[str, Standing]) -> bool:
    return any(start <= at < end for _, start, end in around.values())


def _name(text: bytes, at: int) -> str | None:
    """The name of the property whose value begins here; None where that cannot be told."""
    colon = at - 1 - (text[at - 1] == _SPACE)
    if text[colon] != _COLON or text[colon - 1] != _QUOTE:
        return None
    start = text.rfind(b'"', 0, colon - 1) + 1
    return text[start : colon - 1].decode() if start and text[start] not in _BEHIND_STRINGS else None
