"""What resolve knows of a distinct id: one value of its state, read and written once for each event.

One value, because what a changed key costs is mostly the key: in the overlay, in the changelog, in the store. Its
layout, numbers big-endian:

    flags 1 · number of sessions 2 · created at 8 · person 16, version 8 · sessions 16 each · recent uuids 4 + 20 each

`created at`, microseconds and at least 1, is the earliest event that is not personless; it is left out where there is
none. `person` and the version of its mapping are left out where identify never named one: the person is then the
computed one. Sessions are those of pipeline/sessions.py, recent uuids those of pipeline/dedupe.py.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import msgspec

from pipeline.dedupe import EMPTY, DedupRules, Recent, newest_s, sealed_keys
from pipeline.outcome import Read
from pipeline.sessions import LATE, SessionRules, StartFact, place
from schemas.identifiers import person_id

__all__ = [
    "GIVEN",
    "PERSONLESS",
    "Known",
    "KnownRules",
    "Learned",
    "Sweep",
    "computed_person",
    "described",
    "known_key",
    "mapped",
    "person_of",
]

_CREATED, _MAPPED, _IDENTIFIED, _DESCRIBED = 1, 2, 4, 8
_HEAD = 3
_SKIP = [_HEAD + 8 * bool(flags & _CREATED) + 24 * bool(flags & _MAPPED) for flags in range(16)]
"""Where the sessions begin, by the flags."""
_UNKNOWN = bytes(_HEAD) + EMPTY
GIVEN, PERSONLESS = 1, 2
"""Marks of an event: its sender named the session; it is not about a person."""


class KnownRules(msgspec.Struct, frozen=True):
    """What is remembered of a distinct id, and for how long."""

    dedup: DedupRules
    sessions: SessionRules


class Learned(msgspec.Struct, frozen=True):
    """What became of a batch's events, in lists of one entry for each event."""

    repeats: list[bool]
    """Whether the event was seen before; the other lists say nothing about it then."""
    starts: list[int]
    """Microseconds; LATE where the event has no session, or one that its sender named."""
    people: list[bytes]
    identified: list[bool]
    described: list[bool]
    """Whether properties of the person are known: they stand under a key of their own."""
    facts: list[tuple[bytes, StartFact]]
    """What changed about sessions already told: (state key, fact), in order."""
    created: dict[bytes, int]
    """State keys whose earliest event is now another."""


class Known:
    """One batch's view of the state, and its changes."""

    def __init__(self, read: Read, rules: KnownRules) -> None:
        self.changes: dict[bytes, bytes | None] = {}
        self._read = read
        self._rules = rules
        self._recent = Recent(read, rules.dedup, self.changes)

    def learn(
        self,
        keys: Sequence[bytes],
        uuids: Sequence[bytes],
        received_s: Sequence[int],
        timestamps: Sequence[int],
        marks: Sequence[int],
    ) -> Learned:
        """Work events in, in order: is it a repeat, which session is it in, who is it.

        `keys` are state keys (`<project>:<distinct_id>`), `received_s` epoch seconds, `timestamps` microseconds,
        `marks` sums of GIVEN and PERSONLESS. The loop is written for speed.
        """
        found = Learned([], [], [], [], [], [], {})
        changes, read, remember, rules = self.changes, self._read, self._recent.remember, self._rules.sessions
        for key, uuid, second, timestamp, mark in zip(keys, uuids, received_s, timestamps, marks, strict=True):
            state_key = b"d" + key
            value = changes.get(state_key) or read(state_key) or _UNKNOWN
            flags = value[0]
            start_at = _SKIP[flags]
            end_at = start_at + 16 * (value[1] << 8 | value[2])
            recent = remember(key, value[end_at:], uuid, second)
            if recent is None:
                found.repeats.append(True)
                continue
            head, sessions, start = value[:start_at], value[start_at:end_at], LATE
            if not mark & GIVEN:
                sessions, start, facts = place(sessions, timestamp, rules)
                if facts:
                    found.facts.extend([(key, fact) for fact in facts])
                if len(sessions) != end_at - start_at:
                    # Without any fact as well: old visits are forgotten while the newest one grows.
                    head = head[:1] + (len(sessions) // 16).to_bytes(2) + head[3:]
            if not mark & PERSONLESS and not (flags & _CREATED and head[3:11] <= timestamp.to_bytes(8)):
                # A clock that was never set says 0, which here says that nobody is there.
                head = _created(head, timestamp or 1)
                found.created[key] = timestamp or 1
            changes[state_key] = head + sessions + recent
            found.repeats.append(False)
            found.starts.append(start)
            is_mapped = flags & _MAPPED and not mark & PERSONLESS
            found.people.append(value[start_at - 24 : start_at - 8] if is_mapped else computed_person(key))
            found.identified.append(is_mapped > 0 and flags & _IDENTIFIED > 0)
            found.described.append(flags & _DESCRIBED > 0)
        return found


def mapped(value: bytes | None, person: bytes, identified: bool, version: int) -> bytes | None:
    """What is known after identify has named the person; None if it knew a newer or the same version already."""
    value = value or _UNKNOWN
    flags, at = value[0], _SKIP[value[0]]
    if flags & _MAPPED and int.from_bytes(value[at - 8 : at]) >= version:
        return None
    since = value[3:11] if flags & _CREATED else b""
    flags = flags & (_CREATED | _DESCRIBED) | _MAPPED | (_IDENTIFIED if identified else 0)
    return bytes((flags,)) + value[1:3] + since + person + version.to_bytes(8) + value[at:]


def described(value: bytes | None) -> bytes:
    """What is known after properties of the person became known."""
    value = value or _UNKNOWN
    return bytes((value[0] | _DESCRIBED,)) + value[1:]


def person_of(key: bytes, value: bytes | None) -> tuple[bytes, int, int]:
    """The person of the id with this state key, the version of its mapping, and when it was created.

    -1 is the version of an id that was never mapped; 0 the time of one that has sent nothing but personless events.
    """
    value = value or _UNKNOWN
    flags, at = value[0], _SKIP[value[0]]
    created_at = int.from_bytes(value[3:11]) if flags & _CREATED else 0
    if not flags & _MAPPED:
        return computed_person(key), -1, created_at
    return value[at - 24 : at - 8], int.from_bytes(value[at - 8 : at]), created_at


def known_key(key: bytes) -> bytes:
    """Where it stands, by the state key of the distinct id."""
    return b"d" + key


@lru_cache(maxsize=65_536)
def computed_person(key: bytes) -> bytes:
    """The person of a distinct id that nobody has merged, by its state key.

    Cached: a hash costs half a microsecond, and the same visitors come again. 65,536 entries are 15 MB.
    """
    project, _, distinct_id = key.decode().partition(":")
    return person_id(int(project), distinct_id)


def _created(head: bytes, timestamp: int) -> bytes:
    since = timestamp.to_bytes(8)
    if head[0] & _CREATED:
        return head[:3] + since + head[11:]
    return bytes((head[0] | _CREATED,)) + head[1:3] + since + head[3:]


class Sweep:
    """Forgets the recent uuids of distinct ids that sent nothing for a whole window: a few per commit, never felt.

    An id that writes again tidies up after itself; this is for those that never do.
    """

    KEYS_PER_STEP = 500
    """At 7 commits a second a million idle ids are looked through in five minutes."""

    def __init__(self, rules: DedupRules) -> None:
        self._rules = rules
        self._left: list[bytes] = []
        self._next_round_s = 0

    def step(
        self, items: Callable[[], Iterator[tuple[bytes, bytes]]], read: Read, oldest_s: int
    ) -> dict[bytes, bytes | None]:
        """Changes that remove what was received before `oldest_s`; `read` sees uncommitted changes too."""
        if not self._left:
            if oldest_s < self._next_round_s:
                return {}
            self._next_round_s = oldest_s + self._rules.window_s // 24
            self._left = [key for key, _ in items() if key.startswith(b"d")]
        some, self._left = self._left[-self.KEYS_PER_STEP :], self._left[: -self.KEYS_PER_STEP]
        changes: dict[bytes, bytes | None] = {}
        for state_key in some:
            value = read(state_key)
            if value is None:
                continue
            at = _SKIP[value[0]] + 16 * int.from_bytes(value[1:3])
            recent = value[at:]
            if recent != EMPTY and newest_s(recent) < oldest_s:
                changes[state_key] = value[:at] + EMPTY
                changes.update(dict.fromkeys(sealed_keys(state_key[1:], recent)))
        return changes
