"""What resolve learns of a batch: which events are repeats, whose they are, and in which sessions.

The state is one value for each distinct id (pipeline/known_value.py). Nearly all events meet an ordinary one: their
uuid is not in it, nothing has expired, and they lie in the newest session or after it. Those are decided together, with
the heads of their values as one array; the others one by one, by the rules of pipeline/dedupe.py and
pipeline/sessions.py. Both ways lead to the same (tests/laws/test_known.py).
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy
from numpy.typing import NDArray

from pipeline.dedupe import CHUNK_RECORDS, RECORD_BYTES, DedupRules, Recent
from pipeline.known_value import (
    CREATED,
    DESCRIBED,
    HEAD_BYTES,
    IDENTIFIED,
    INTERVAL,
    MAPPED,
    KnownId,
    computed_person,
    heads_of,
    known_key,
    read_value,
    unknown,
    written,
)
from pipeline.learned import Learned
from pipeline.outcome import Read
from pipeline.sessions import LATE, SECOND, SessionRules, place, session_uuid, without_old
from pipeline.uuid_columns import session_uuids

__all__ = ["GIVEN", "PERSONLESS", "Known", "KnownRules"]

GIVEN, PERSONLESS = 1, 2
"""Marks of an event: its sender named the session; it is not about a person."""
_TOGETHER_MIN = 32
"""Fewer events are decided one by one: arrays have a fixed cost."""
_NOBODY = numpy.zeros((), "V16")
_Numbers = NDArray[numpy.int64]


class KnownRules(msgspec.Struct, frozen=True):
    """What is remembered of a distinct id, and for how long."""

    dedup: DedupRules
    sessions: SessionRules


class _Events(msgspec.Struct):
    """Some events, in columns, with their rows in the batch."""

    rows: _Numbers
    keys: Sequence[bytes]
    uuids: Sequence[bytes]
    seconds: _Numbers
    times: _Numbers
    marks: _Numbers

    def picked(self, places: _Numbers) -> "_Events":
        """Those at these places."""
        some = places.tolist()
        return _Events(
            self.rows[places],
            [self.keys[place] for place in some],
            [self.uuids[place] for place in some],
            self.seconds[places],
            self.times[places],
            self.marks[places],
        )


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
        received_s: Sequence[int] | _Numbers,
        timestamps: Sequence[int] | _Numbers,
        marks: Sequence[int] | _Numbers,
    ) -> Learned:
        """Work events in, in order: is it a repeat, which session is it in, who is it.

        `keys` are state keys (`<project>:<distinct_id>`), `received_s` epoch seconds, `timestamps` microseconds,
        `marks` sums of GIVEN and PERSONLESS.
        """
        seconds, times, marked = (numpy.asarray(column, numpy.int64) for column in (received_s, timestamps, marks))
        events = _Events(numpy.arange(len(keys)), keys, uuids, seconds, times, marked)
        found = Learned.nothing(len(keys))
        for rows, are_different in _waves(keys):
            if are_different:
                rows = self._together(events if len(rows) == len(keys) else events.picked(numpy.array(rows)), found)
            for row in rows:
                self._alone(events, row, found)
        return found

    def _together(self, events: _Events, found: Learned) -> list[int]:
        """Work in what is ordinary of these events of different ids; the rows of the others are returned."""
        values = self._values(events.keys)
        heads = heads_of(values).copy()
        lengths = numpy.fromiter(map(len, values), numpy.int64, len(values))
        cuts = lengths - 16 * numpy.maximum(heads["sessions"].astype(numpy.int64) - 1, 0)
        is_plain = self._ordinary(events, values, heads, cuts)
        left: list[int] = []
        if not is_plain.all():
            left = events.rows[~is_plain].tolist()
            plain = numpy.flatnonzero(is_plain)
            events, heads, cuts = events.picked(plain), heads[plain], cuts[plain]
            values = [values[place] for place in plain.tolist()]
        older = self._visit(events, values, heads, cuts, found)
        self._meet(events, heads, found)
        heads["first_s"] = numpy.where(cuts > HEAD_BYTES, heads["first_s"], events.seconds)
        self._remember(events, values, heads, cuts, older)
        return left

    def _values(self, keys: Sequence[bytes]) -> list[bytes]:
        changes, read = self.changes, self._read
        names = [b"d" + key for key in keys]
        return [changes.get(name) or read(name) or unknown(name[1:]) for name in names]

    def _ordinary(
        self, events: _Events, values: list[bytes], heads: NDArray[numpy.void], cuts: _Numbers
    ) -> NDArray[numpy.bool_]:
        """Whether all there is to know about repeats is in the value, and the newest session is the only one asked."""
        may_be_repeats = numpy.array([uuid in value for uuid, value in zip(events.uuids, values, strict=True)])
        is_whole = (heads["sealed"] == 0) & (cuts < HEAD_BYTES + CHUNK_RECORDS * RECORD_BYTES)
        is_fresh = heads["first_s"] >= events.seconds - self._rules.dedup.window_s
        is_earlier = (heads["sessions"] > 0) & (events.times < heads["start"]) & (events.marks & GIVEN == 0)
        ordinary: NDArray[numpy.bool_] = ~may_be_repeats & is_whole & is_fresh & ~is_earlier
        return ordinary

    def _visit(
        self, events: _Events, values: list[bytes], heads: NDArray[numpy.void], cuts: _Numbers, found: Learned
    ) -> dict[int, bytes]:
        """Sessions go on or begin; the older ones of those that begin are returned, by place."""
        rules = self._rules.sessions
        derived, had = events.marks & GIVEN == 0, heads["sessions"] > 0
        ended = heads["end"].astype(numpy.int64)
        begins = derived & (~had | (events.times > ended + rules.gap_s * SECOND))
        heads["end"] = numpy.where(
            derived, numpy.where(begins, events.times, numpy.maximum(ended, events.times)), ended
        )
        heads["start"][begins] = events.times[begins]
        places = numpy.flatnonzero(begins)
        older: dict[int, bytes] = {}
        for at in numpy.flatnonzero(begins & had).tolist():
            value = values[at]
            older[at] = without_old(value[cuts[at] :] + value[INTERVAL], int(events.times[at]), rules)
        heads["sessions"][places] = [1 + len(older.get(at, b"")) // 16 for at in places.tolist()]
        begun = events.picked(places)
        ids = session_uuids(begun.keys, begun.times.tolist())
        heads["session"][places] = ids
        found.facts.add(begun.rows.tolist(), begun.times.tolist(), ids.tolist())
        found.starts[events.rows] = numpy.where(derived, heads["start"], LATE)
        found.sessions[events.rows] = numpy.where(derived, heads["session"], _NOBODY)
        return older

    def _meet(self, events: _Events, heads: NDArray[numpy.void], found: Learned) -> None:
        """Who it is, and since when."""
        personal = events.marks & PERSONLESS == 0
        flags = heads["flags"]
        found.people[events.rows] = heads["person"]
        for at in numpy.flatnonzero(~personal & (flags & MAPPED > 0)).tolist():
            found.people[events.rows[at]] = computed_person(events.keys[at])
        found.identified[events.rows] = personal & (flags & IDENTIFIED > 0)
        found.described[events.rows] = flags & DESCRIBED > 0
        is_first = personal & ((flags & CREATED == 0) | (events.times < heads["created"]))
        # A clock that was never set says 0, which elsewhere says that nobody is there.
        since = numpy.where(events.times == 0, 1, events.times)
        heads["created"] = numpy.where(is_first, since, heads["created"])
        heads["flags"] |= numpy.where(is_first, CREATED, 0).astype(numpy.uint8)
        for at in numpy.flatnonzero(is_first).tolist():
            found.created[events.keys[at]] = int(since[at])

    def _remember(
        self,
        events: _Events,
        values: list[bytes],
        heads: NDArray[numpy.void],
        cuts: _Numbers,
        older: dict[int, bytes],
    ) -> None:
        """The values as these events leave them. Written for speed."""
        whole, seconds = heads.tobytes(), events.seconds.astype(">u4").tobytes()
        starts = [whole[at : at + HEAD_BYTES] for at in range(0, len(whole), HEAD_BYTES)]
        received = [seconds[at : at + 4] for at in range(0, len(seconds), 4)]
        rests = [value[cut:] for value, cut in zip(values, cuts.tolist(), strict=True)]
        for at, rest in older.items():
            rests[at] = rest
        changes = self.changes
        for key, start, value, cut, uuid, second, rest in zip(
            events.keys, starts, values, cuts.tolist(), events.uuids, received, rests, strict=True
        ):
            changes[b"d" + key] = start + value[HEAD_BYTES:cut] + uuid + second + rest

    def _alone(self, events: _Events, row: int, found: Learned) -> None:
        """Work one event in, whatever it meets."""
        key, second, timestamp = events.keys[row], int(events.seconds[row]), int(events.times[row])
        mark = int(events.marks[row])
        [value] = self._values([key])
        known = read_value(value)
        recent = self._recent.remember(key, known.recent, events.uuids[row], second)
        if recent is None:
            found.repeats[row] = True
            return
        known.recent = recent
        if not mark & GIVEN:
            self._visit_alone(key, timestamp, known, row, found)
        is_mapped = known.flags & MAPPED and not mark & PERSONLESS
        found.people[row] = known.person if is_mapped else computed_person(key)
        found.identified[row] = is_mapped and known.flags & IDENTIFIED
        found.described[row] = known.flags & DESCRIBED
        if not mark & PERSONLESS and (not known.flags & CREATED or timestamp < known.created):
            known.flags |= CREATED
            known.created = found.created[key] = timestamp or 1
        self.changes[known_key(key)] = written(known)

    def _visit_alone(self, key: bytes, timestamp: int, known: KnownId, row: int, found: Learned) -> None:
        newest = known.sessions[-16:-8]
        known.sessions, start, facts = place(known.sessions, timestamp, self._rules.sessions)
        if known.sessions[-16:-8] != newest:
            known.session = session_uuid(key, int.from_bytes(known.sessions[-16:-8], signed=True))
        found.starts[row] = start
        if start != LATE:
            found.sessions[row] = session_uuid(key, start)
        for fact in facts:
            found.facts.add([row], [fact.start], [session_uuid(key, fact.start)], fact.dead)


def _waves(keys: Sequence[bytes]) -> Iterator[tuple[list[int], bool]]:
    """The rows in groups of which each has at most one event of an id, in order; what is left over may have several."""
    rest = list(range(len(keys)))
    if len(set(keys)) == len(keys) >= _TOGETHER_MIN:
        yield rest, True
        return
    while rest:
        firsts: dict[bytes, int] = {}
        again: list[int] = []
        for row in rest:
            if keys[row] in firsts:
                again.append(row)
            else:
                firsts[keys[row]] = row
        if len(firsts) < _TOGETHER_MIN:
            break
        yield list(firsts.values()), True
        rest = again
    if rest:
        yield rest, False
