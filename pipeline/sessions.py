"""Sessions of one distinct id: events at most `gap_s` apart belong together, in whatever order they come.

The state is a text of bytes: closed intervals [start, end], each two big-endian signed 64-bit numbers of
microseconds since 1970, sorted, more than a gap apart. There is no other cut than the gap, so an interval only
ever grows or joins another, and that is why any order of arrival ends in the same intervals. What this changes
about sessions already told is told as facts: a start is live, or dead for ever.
"""

from bisect import bisect_right
from collections.abc import Mapping
from struct import Struct, pack, unpack
from typing import Annotated

import msgspec

from schemas.identifiers import SESSIONS, uuid5

__all__ = [
    "LATE",
    "SECOND",
    "SessionRules",
    "StartFact",
    "place",
    "resolved_start",
    "session_id",
    "session_uuid",
    "without_old",
]

LATE = -(1 << 63)
"""Instead of a start: the event came too late for any session of its own or of others."""
_INTERVAL = Struct(">qq")
_BOTH = _INTERVAL.size
_MOMENT = Struct(">q")
SECOND = 1_000_000


class SessionRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a visit is over, and how long late events may still change it."""

    gap_s: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 1_800
    """Half an hour without an event ends a session: what web analytics has always used."""
    lateness_s: Annotated[int, msgspec.Meta(ge=0, le=2_678_400)] = 604_800
    """A week: how far an event may lie behind its distinct id's newest one and still find its session. An id's
    state holds the sessions of so long, 16 bytes each: at most 5.4 kB with a visit every half hour."""


class StartFact(msgspec.Struct, frozen=True, gc=False):
    """What became of a session's start. Of several facts about one start, dead wins, in any order."""

    start: int
    dead: bool


Facts = tuple[StartFact, ...]


def place(state: bytes, timestamp: int, rules: SessionRules) -> tuple[bytes, int, Facts]:
    """Work one event into its distinct id's sessions.

    `state` is empty for an id without any; `timestamp` is in microseconds. Returns the state after it, the start of
    the event's session as known now (LATE: it gets none), and the facts that have changed. Most events lie in or
    behind the newest interval, and are decided without looking at the others.
    """
    if not state:
        return _INTERVAL.pack(timestamp, timestamp), timestamp, (StartFact(timestamp, False),)
    start, end = _INTERVAL.unpack_from(state, len(state) - _BOTH)
    if start <= timestamp <= end:
        return state, start, ()
    if timestamp < start:
        return _earlier(state, timestamp, rules)
    if timestamp - end <= rules.gap_s * SECOND:
        grown = state[:-8] + _MOMENT.pack(timestamp)
        return without_old(grown[:-_BOTH], timestamp, rules) + grown[-_BOTH:], start, ()
    begun = _INTERVAL.pack(timestamp, timestamp)
    return without_old(state, timestamp, rules) + begun, timestamp, (StartFact(timestamp, False),)


def _earlier(state: bytes, timestamp: int, rules: SessionRules) -> tuple[bytes, int, Facts]:
    """An event before the newest interval: it may lie in an older one, move a start, join two, or stand alone."""
    gap = rules.gap_s * SECOND
    moments = list(unpack(f">{len(state) // 8}q", state))
    starts, ends = moments[::2], moments[1::2]
    if timestamp < ends[-1] - rules.lateness_s * SECOND:
        return state, LATE, ()
    after = bisect_right(starts, timestamp)  # the interval after it; the one before it begins at or before the event
    joins_after = starts[after] - timestamp <= gap if after < len(starts) else False
    joins_before = after > 0 and timestamp - ends[after - 1] <= gap
    facts: Facts
    if joins_before and joins_after:
        facts = (StartFact(starts[after], True),)
        del ends[after - 1], starts[after]
        start = starts[after - 1]
    elif joins_before:
        ends[after - 1] = max(ends[after - 1], timestamp)
        start, facts = starts[after - 1], ()
    elif joins_after:
        facts = (StartFact(starts[after], True), StartFact(timestamp, False))
        start = starts[after] = timestamp
    else:
        starts.insert(after, timestamp)
        ends.insert(after, timestamp)
        start, facts = timestamp, (StartFact(timestamp, False),)
    moments = [moment for both in zip(starts, ends, strict=True) for moment in both]
    return pack(f">{len(moments)}q", *moments), start, facts


def without_old(older: bytes, newest: int, rules: SessionRules) -> bytes:
    """Of the intervals before the newest, which ends at `newest`: those that an event which is not late may touch."""
    oldest = newest - (rules.lateness_s + rules.gap_s) * SECOND
    kept = 0
    while kept < len(older) and _MOMENT.unpack_from(older, kept + 8)[0] < oldest:
        kept += _BOTH
    return older[kept:]


def session_id(key: bytes, start: int) -> str:
    """The session of the distinct id with this state key, `<project>:<distinct_id>`, that begins at `start`."""
    digits = session_uuid(key, start).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def session_uuid(key: bytes, start: int) -> bytes:
    """The 16 bytes of a session's id: a version-5 uuid in a namespace of its own."""
    return uuid5(SESSIONS, b"%d:%s" % (start, key))


def resolved_start(facts: Mapping[int, bool], start: int) -> int:
    """Where the session that once began at `start` begins by all the facts (start to dead); what a query does.

    A dead start has moved to, or was joined by, the greatest live start before it. Raises ValueError if there is none:
    facts are missing.
    """
    if not facts[start]:
        return start
    return max(other for other, dead in facts.items() if other < start and not dead)
