"""A first look at the bytes of many records together: which may take the short way (schemas/plain.py), and what they
may hold.

Every check is conservative, so that no limit is ever skipped:

- a text with no more opening brackets than the depth allows cannot nest too deep;
- without a `\\u` there is neither a surrogate nor a NUL nor a hidden `$`;
- the parser checks the grammar of properties it leaves as text, but not their UTF-8: that is checked here.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy
from numpy.typing import NDArray

from schemas.limits import Limits

__all__ = ["Looks", "looked_at"]

_DOLLAR, _BACKSLASH, _U = b"$\\u"
_BRACKETS = 0xDF, 0x5B
"""`[` is 0x5B and `{` is 0x7B: they differ in one bit."""
_EVERY_BYTE = numpy.uint64(0x0101010101010101)
_NUMBERED = numpy.uint64(0x0001020304050607)
"""The number of each byte of a word: times a word with one 1 in it, its first byte tells where that stands."""
_LANES_BYTES = 8 * 254
"""In a line of so many bytes each of the eight bytes of its words, added up, is less than 256."""
_TOP_BYTE = numpy.uint64(56)
_PADDING = b"\n" * 15
"""Behind the last line: so that words can be read to their ends."""


def _starts(names: Sequence[bytes]) -> list[int]:
    return [int.from_bytes(name, "little") for name in names]


_SETS = _starts([b"$set", b"$uns"])
"""Of `$set`, `$set_once` and `$unset`: three letters tell."""
_MARKS = _starts([b"$ses", b"$ano", b"$pro", b"$ide", b"$cre", b"$mer"])
"""Of `$session_id`, `$anon_distinct_id` and `$process_person_profile`, and of the events that are claims
(schemas/marks.py)."""


class Looks(msgspec.Struct, frozen=True):
    """What was seen, by the number of the line."""

    odd: set[int]
    """Some byte calls for a closer look."""
    sets: Mapping[int, int]
    """How often `$set`, `$set_once` or `$unset` stands in it, or what begins like them; none where it does not."""
    marked: list[int]
    """It may say something about person or session; each once, in their order."""


def looked_at(lines: Sequence[bytes], limits: Limits) -> Looks:
    """Look at all lines: together it costs a third of what it does one by one, and the same is seen in each."""
    if not lines:
        return Looks(set(), {}, [])
    text = b"\n".join([*lines, _PADDING])
    lengths = numpy.fromiter(map(len, lines), numpy.int64, len(lines))
    ends = numpy.cumsum(lengths + 1)
    codes = numpy.frombuffer(text, numpy.uint8)
    suspicious = numpy.flatnonzero(_brackets(codes, ends, int(lengths.max())) > limits.depth).tolist()
    # Counted exactly: else it would depend on a line's neighbors which way it is decoded, and so how it is spelled.
    odd = {number for number in suspicious if _opening(lines[number]) > limits.depth}
    if b"\\" in text:
        places = numpy.flatnonzero(codes == _BACKSLASH)
        odd.update(_lines_of(places[codes[places + 1] == _U], ends).tolist())
    if not text.isascii() and not _is_utf8(text):
        odd.update(number for number, line in enumerate(lines) if not _is_utf8(line))
    places = _places(codes == _DOLLAR)
    # The four bytes from each place on, as one number.
    starts = numpy.ndarray(len(text) - 3, "<u4", text, strides=(1,))[places]
    sets = numpy.bincount(_lines_of(places[_among(starts, _SETS)], ends))
    having = numpy.flatnonzero(sets)
    marked = numpy.unique(_lines_of(places[_among(starts, _MARKS)], ends))
    return Looks(odd, dict(zip(having.tolist(), sets[having].tolist(), strict=True)), marked.tolist())


def _brackets(codes: NDArray[numpy.uint8], ends: NDArray[numpy.int64], longest: int) -> NDArray[numpy.uint64]:
    """How many brackets open in each line, or some more: in words of eight bytes, whose first and last are shared."""
    mask, bracket = _BRACKETS
    words = _words((codes & mask) == bracket)
    bounds = numpy.empty((len(ends), 2), numpy.int64)
    bounds[0, 0] = 0
    bounds[1:, 0] = ends[:-1] >> 3
    bounds[:, 1] = ((ends - 1) >> 3) + 1
    if longest > _LANES_BYTES:
        return numpy.add.reduceat((words * _EVERY_BYTE) >> _TOP_BYTE, bounds.ravel())[::2]
    lanes = numpy.add.reduceat(words, bounds.ravel())[::2].copy()
    counts: NDArray[numpy.uint64] = lanes.view(numpy.uint8).reshape(-1, 8).sum(1, numpy.uint64)
    return counts


def _places(mask: NDArray[numpy.bool_]) -> NDArray[numpy.int64]:
    """Where it is true, in any order. Few are: eight are looked at together."""
    words = _words(mask)
    at = numpy.flatnonzero(words != 0)
    left = words[at]
    found = [at[:0]]
    while len(at):
        first = left & -left
        found.append(at * 8 + ((first * _NUMBERED) >> _TOP_BYTE).view(numpy.int64))
        left ^= first
        more = numpy.flatnonzero(left)
        at, left = at[more], left[more]
    return numpy.concatenate(found)


def _words(mask: NDArray[numpy.bool_]) -> NDArray[numpy.uint64]:
    """Eight bytes each; what is left at the end is padding."""
    return mask[: len(mask) // 8 * 8].view("<u8")


def _opening(line: bytes) -> int:
    return line.count(b"{") + line.count(b"[")


def _among(starts: NDArray[numpy.uint32], wanted: Sequence[int]) -> NDArray[numpy.bool_]:
    found: NDArray[numpy.bool_] = starts == wanted[0]
    for other in wanted[1:]:
        found |= starts == other
    return found


def _lines_of(places: NDArray[numpy.int64], ends: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
    """The number of the line that each place is in."""
    return numpy.searchsorted(ends, places, side="right")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
