"""What resolve learns of a batch: which events are repeats, whose they are, and in which sessions.

The state is one value for each distinct id (pipeline/known_value.py). Nearly all events meet an ordinary one: their
uuid is not in it, nothing has expired, and they lie in the newest session or after it. Those are decided together, with
the heads of their values as one array; the others one by one, by the rules of pipeline/dedupe.py and
pipeline/sessions.py. Both ways lead to the same (tests/laws/test_known.py).
"""

from collections.abc import Iterator, Sequence
from itertools import compress, count
from typing import TypeVar, cast

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
    all_unknown,
    computed_person,
    heads_of,
    in_pieces,
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
_RECORD = numpy.dtype([("uuid", "V16"), ("second", ">u4")])
"""As in pipeline/dedupe.py."""
_Numbers = NDArray[numpy.int64]
_Choice = NDArray[numpy.bool_]
_Value = TypeVar("_Value")


class KnownRules(msgspec.Struct, frozen=True):
    """What is remembered of a distinct id, and for how long."""

    dedup: DedupRules
    sessions: SessionRules


class _Events(msgspec.Struct):
    """Some events, in columns, with their rows in the batch."""

    rows: _Numbers
    keys: Sequence[bytes]
    uuids: NDArray[numpy.void]
    seconds: _Numbers
    times: _Numbers
    marks: _Numbers

    def picked(self, chosen: _Choice) -> "_Events":
        """Those that are chosen."""
        return _Events(
            self.rows[chosen],
            _picked(self.keys, chosen),
            self.uuids[chosen],
            self.seconds[chosen],
            self.times[chosen],
            self.marks[chosen],
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
        uuids: Sequence[bytes] | NDArray[numpy.void],
        received_s: Sequence[int] | _Numbers,
        timestamps: Sequence[int] | _Numbers,
        marks: Sequence[int] | _Numbers,
    ) -> Learned:
        """Work events in, in order: is it a repeat, which session is it in, who is it.

        `keys` are state keys (`<project>:<distinct_id>`), `received_s` epoch seconds, `timestamps` microseconds,
        `marks` sums of GIVEN and PERSONLESS.
        """
        seconds, times, marked = (numpy.asarray(column, numpy.int64) for column in (received_s, timestamps, marks))
        events = _Events(numpy.arange(len(keys)), keys, numpy.asarray(uuids, "V16"), seconds, times, marked)
        found = Learned.nothing(len(keys))
        for some, are_different in _waves(events):
            left = self._together(some, found) if are_different else some.rows
            for row in left.tolist():
                self._alone(events, row, found)
        return found

    def _together(self, events: _Events, found: Learned) -> _Numbers:
        """Work in what is ordinary of these events of different ids; the rows of the others are returned."""
        names = [b"d" + key for key in events.keys]
        values = self._values(names)
        heads = heads_of(values).copy()
        lengths = numpy.fromiter(map(len, values), numpy.int64, len(values))
        cuts = lengths - 16 * numpy.maximum(heads["sessions"].astype(numpy.int64) - 1, 0)
        is_plain = self._ordinary(events, values, heads, cuts)
        left = events.rows[~is_plain]
        if len(left):
            events, heads, cuts = events.picked(is_plain), heads[is_plain], cuts[is_plain]
            names, values = _picked(names, is_plain), _picked(values, is_plain)
        older = self._visit(events, values, heads, cuts, found)
        self._meet(events, heads, found)
        heads["first_s"] = numpy.where(cuts > HEAD_BYTES, heads["first_s"], events.seconds)
        self._remember(names, values, heads, cuts, events, older)
        return left

    def _values(self, names: Sequence[bytes]) -> list[bytes]:
        """What is known under these state keys, of ids that nothing is known of too."""
        changes, read = self.changes, self._read
        found = [changes.get(name) or read(name) for name in names] if changes else list(map(read, names))
        if not all(found):
            missing = [at for at, value in enumerate(found) if not value]
            for at, value in zip(missing, all_unknown([names[at][1:] for at in missing]), strict=True):
                found[at] = value
        return cast("list[bytes]", found)

    def _ordinary(self, events: _Events, values: list[bytes], heads: NDArray[numpy.void], cuts: _Numbers) -> _Choice:
        """Whether all there is to know about repeats is in the value, and the newest session is the only one asked."""
        # Over the columns: a search in a comprehension costs half as much again.
        found = numpy.fromiter(map(bytes.find, values, events.uuids.tolist()), numpy.int64, len(values))
        is_whole = (heads["sealed"] == 0) & (cuts < HEAD_BYTES + CHUNK_RECORDS * RECORD_BYTES)
        is_fresh = heads["first_s"] >= events.seconds - self._rules.dedup.window_s
        is_earlier = (heads["sessions"] > 0) & (events.times < heads["start"]) & (events.marks & GIVEN == 0)
        ordinary: _Choice = (found < 0) & is_whole & is_fresh & ~is_earlier
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
        older: dict[int, bytes] = {}
        others = numpy.flatnonzero(begins & had)
        for at, cut, time in zip(others.tolist(), cuts[others].tolist(), events.times[others].tolist(), strict=True):
            value = values[at]
            older[at] = without_old(value[cut:] + value[INTERVAL], time, rules)
        heads["sessions"][begins] = 1
        heads["sessions"][others] = 1 + numpy.fromiter(map(len, older.values()), numpy.int64, len(older)) // 16
        begun = events.picked(begins)
        ids = session_uuids(begun.keys, begun.times.tolist())
        heads["session"][begins] = ids
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
        for at, moment in zip(numpy.flatnonzero(is_first).tolist(), since[is_first].tolist(), strict=True):
            found.created[events.keys[at]] = moment

    def _remember(
        self,
        names: Sequence[bytes],
        values: Sequence[bytes],
        heads: NDArray[numpy.void],
        cuts: _Numbers,
        events: _Events,
        older: dict[int, bytes],
    ) -> None:
        """The values as these events leave them. Written for speed."""
        records = numpy.empty(len(values), _RECORD)
        records["uuid"], records["second"] = events.uuids, events.seconds
        ends = cuts.tolist()
        rests = [value[end:] for value, end in zip(values, ends, strict=True)]
        for at, rest in older.items():
            rests[at] = rest
        changes = self.changes
        columns = zip(names, in_pieces(heads), values, ends, in_pieces(records), rests, strict=True)
        for name, head, value, end, record, rest in columns:
            changes[name] = b"".join((head, value[HEAD_BYTES:end], record, rest))

    def _alone(self, events: _Events, row: int, found: Learned) -> None:
        """Work one event in, whatever it meets."""
        key, second, timestamp = events.keys[row], int(events.seconds[row]), int(events.times[row])
        mark = int(events.marks[row])
        name = known_key(key)
        known = read_value(self.changes.get(name) or self._read(name) or unknown(key))
        recent = self._recent.remember(key, known.recent, events.uuids[row].tobytes(), second)
        if recent is None:
            found.repeats[row] = True
            return
        known.recent = recent
        if not mark & GIVEN:
            self._visit_alone(key, timestamp, known, row, found)
        is_mapped = known.flags & MAPPED and not mark & PERSONLESS
        is_somebody_else = known.flags & MAPPED and mark & PERSONLESS
        found.people[row] = computed_person(key) if is_somebody_else else known.person
        found.identified[row] = is_mapped and known.flags & IDENTIFIED
        found.described[row] = known.flags & DESCRIBED
        if not mark & PERSONLESS and (not known.flags & CREATED or timestamp < known.created):
            known.flags |= CREATED
            known.created = found.created[key] = timestamp or 1
        self.changes[name] = written(known)

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


def _waves(rest: _Events) -> Iterator[tuple[_Events, bool]]:
    """The events in groups of which each has at most one of an id, in order; what is left over may have several."""
    while len(rest.keys):
        places: dict[bytes, int] = {}
        firsts = numpy.fromiter(map(places.setdefault, rest.keys, count()), numpy.int64, len(rest.keys))
        if len(places) < _TOGETHER_MIN:
            break
        is_first = firsts == numpy.arange(len(firsts))
        yield rest.picked(is_first), True
        rest = rest.picked(~is_first)
    if len(rest.keys):
        yield rest, False


def _picked(values: Sequence[_Value], chosen: _Choice) -> list[_Value]:
    """The chosen ones of a list; bytes are iterated twice as fast as an array."""
    return list(compress(values, chosen.tobytes()))
