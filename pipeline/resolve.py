"""The resolve hop's steps: repeats of an event leave, the others learn their person and their session."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import fixed, ids_of, integers, moments, repeated, texts, uuid_texts
from pipeline.facts import claims_key, routed, sent, taken
from pipeline.identity import Claim, ClaimKind, IdentityRules, refusal_of
from pipeline.ingestion_warnings import refused_claim
from pipeline.known import GIVEN, PERSONLESS, Known, KnownRules
from pipeline.learned import Learned
from pipeline.log_batch import LogBatch
from pipeline.outcome import DROPPED, DUPLICATE, MOVED, Outcome, Read, Sent, by_project
from pipeline.properties import Described, State, describe
from pipeline.registers import PeopleRules, PropertyEvent
from pipeline.sessions import LATE
from schemas.batches import PREPARED, STARTS, hash_of
from schemas.marks import Marks, read_marks

__all__ = [
    "Keyed",
    "ResolveRules",
    "claimed",
    "keyed",
    "learned",
    "prepared",
    "session_facts",
    "warned",
    "with_people",
    "with_properties",
    "with_sessions",
]


_SETTING = ("set", "set_once", "unset")
_WARNED = ("project", "distinct_id", "uuid", "timestamp")
_CLAIMING = ("project", "distinct_id", "uuid", "timestamp", "received_at", "historical")


class ResolveRules(msgspec.Struct, frozen=True):
    """What resolve needs to know."""

    known: KnownRules
    people: PeopleRules
    identity: IdentityRules
    partitions: int


class Keyed(msgspec.Struct, frozen=True):
    """Rows with their place in the log, the state key of each, and what they say about person and session."""

    rows: pa.RecordBatch
    offsets: NDArray[numpy.int64]
    numbers: NDArray[numpy.int32]
    keys: list[bytes]
    marks: dict[int, Marks]
    """By row; most rows have none."""


def keyed(batch: LogBatch) -> Keyed:
    """The state key of each row, `<project>:<distinct_id>`, and its marks."""
    rows = batch.rows
    projects = integers(rows.column("project"))
    ids = rows.column("distinct_id").cast(pa.binary()).to_pylist()
    if len(projects) and (projects == projects[0]).all():
        prefix = b"%d:" % projects[0]
        keys = [prefix + distinct_id for distinct_id in ids]
    else:
        keys = [b"%d:%s" % pair for pair in zip(projects.tolist(), ids, strict=True)]
    marks = rows.column("marks")
    marked = numpy.flatnonzero(pa.compute.binary_length(marks).to_numpy(zero_copy_only=False)).tolist()
    found = {row: read_marks(marks[row].as_py()) for row in marked}
    return Keyed(rows, batch.offsets, batch.numbers, keys, found)


def learned(found: Keyed, read: Read, rules: KnownRules) -> tuple[Keyed, Learned, State]:
    """The rows seen for the first time, what is known of them, and the state as they leave it."""
    rows = found.rows
    marks = numpy.zeros(rows.num_rows, numpy.int64)
    for row, said in found.marks.items():
        marks[row] = (GIVEN if said.session else 0) | (PERSONLESS if said.personless else 0)
    known = Known(read, rules)
    # Four bytes of seconds reach until 2106; what claims to have been received later is remembered as of then.
    seconds = numpy.minimum(integers(rows.column("received_at")) // 1_000_000, 0xFFFFFFFF)
    uuids, timestamps = ids_of(rows.column("uuid")), integers(rows.column("timestamp"))
    answer = known.learn(found.keys, uuids, seconds, timestamps, marks).kept()
    return _without_repeats(found, answer.repeats), answer, State(known.changes, read)


def with_people(found: Keyed, known: Learned, carried: Mapping[int, bytes]) -> dict[str, pa.Array]:
    """The person of each row, as far as it is known now, and the properties its event carries."""
    return {
        "person_id": fixed(known.people),
        "person_identified": pa.array(known.identified),
        "person_properties": texts([carried.get(row, b"") for row in range(len(found.keys))]),
    }


def with_properties(found: Keyed, known: Learned, state: State, rules: PeopleRules) -> Described:
    """What the events set, worked into the state; personless ones set nothing."""
    rows, keys = found.rows, found.keys
    lengths = [pa.compute.binary_length(rows.column(name)).to_numpy(zero_copy_only=False) for name in _SETTING]
    setting = numpy.flatnonzero(sum(lengths)).tolist()
    concerned = known.described.copy()
    if setting:
        said = {keys[row] for row in setting}
        concerned |= numpy.fromiter(map(said.__contains__, keys), bool, len(keys))
    personless = [row for row, marks in found.marks.items() if marks.personless]
    concerned[personless] = False
    about = [(row, keys[row]) for row in numpy.flatnonzero(concerned).tolist()]
    return describe(about, _said(rows, sorted(set(setting).difference(personless))), state, rules)


def claimed(found: Keyed, partition: int, rules: ResolveRules) -> list[Sent]:
    """Claims that two distinct ids are one person, for identify; those that need no further look are refused here."""
    claims, homes, warnings = [], [], []
    claiming = [row for row, said in found.marks.items() if said.claim]
    for row, project, into, uuid, timestamp, received_at, historical in _picked(found.rows, claiming, _CLAIMING):
        said = found.marks[row]
        refusal = refusal_of(timestamp, received_at, historical, said.personless, into, said.other, rules.identity)
        if refusal is not None:
            claim = Claim(into, said.other, ClaimKind(said.claim), timestamp, uuid)
            warnings.append(refused_claim(project, claim, refusal, rules.identity))
        else:
            claims.append((project, said.claim, into, said.other, timestamp, uuid))
            homes.append(claims_key(project))
    return [
        *routed("identity.claims", claims, homes, rules.partitions),
        *sent("ingestion.warnings", partition, warnings),
    ]


def warned(found: Keyed, partition: int, refused: Sequence[tuple[int, str, str]]) -> list[Sent]:
    """Person properties that were not taken."""
    events = _picked(found.rows, [row for row, _, _ in refused], _WARNED)
    facts = [
        (project, distinct_id, code, message, uuid, timestamp)
        for (_, code, message), (_, project, distinct_id, uuid, timestamp) in zip(refused, events, strict=True)
    ]
    return sent("ingestion.warnings", partition, facts)


def with_sessions(found: Keyed, known: Learned) -> dict[str, pa.Array]:
    """The session of each row: named by its sender, derived, or none because it came too late (empty, since 1970)."""
    late = known.starts == LATE
    given = numpy.zeros(len(found.keys), dtype=bool)
    names = {row: said.session for row, said in found.marks.items() if said.session}
    given[list(names)] = True
    return {
        "session_id": uuid_texts(known.sessions, ~late, names),
        "session_given": pa.array(given),
        "session_start": moments(numpy.where(late, 0, known.starts)),
    }


def session_facts(batch: LogBatch, known: Learned) -> list[Sent]:
    """What changed about the starts of sessions."""
    facts = known.facts
    if not facts.rows:
        return []
    who = batch.rows.select(["project", "distinct_id"]).take(pa.array(facts.rows))
    ids = numpy.frombuffer(b"".join(facts.ids), "V16")
    told = [*who.columns, moments(facts.starts), uuid_texts(ids), pa.array(facts.dead)]
    return [Sent("session.starts", batch.partition, pa.record_batch(told, STARTS))]


def prepared(
    batch: LogBatch,
    found: Keyed,
    columns: dict[str, pa.Array],
    known: Learned,
    beside: list[Sent],
    changes: dict[bytes, bytes | None],
) -> Outcome:
    """The rows as they go on, in the same partition, with every row of the batch counted."""
    count = len(found.keys)
    place = {
        "accepted_log": repeated(batch.log, count),
        "accepted_partition": pa.array(numpy.full(count, batch.partition, numpy.int32)),
        "accepted_offset": pa.array(found.offsets),
        "accepted_row": pa.array(found.numbers),
    }
    added = {**columns, **place}
    arrays = [added[name] if name in added else found.rows.column(name) for name in PREPARED.names]
    rows = pa.record_batch(arrays, schema=PREPARED)
    repeats = known.repeats
    dropped = by_project(batch.rows.filter(pa.array(repeats)), DROPPED, DUPLICATE) if repeats.any() else []
    named = [said for said in found.marks.values() if said.session]
    return Outcome(
        rows=batch.rows.num_rows,
        uuid_sum=hash_of(batch.rows.column("uuid")),
        fates=[*by_project(rows, MOVED, ""), *dropped],
        moved=[(batch.partition, rows)] if count else [],
        sent=beside,
        changes=changes,
        late=int(numpy.count_nonzero(known.starts == LATE)) - len(named),
    )


def _said(rows: pa.RecordBatch, setting: Sequence[int]) -> dict[int, PropertyEvent]:
    """What these rows say about properties."""
    return {row: PropertyEvent(*said) for row, *said in _picked(rows, setting, ("timestamp", "uuid", *_SETTING))}


def _picked(rows: pa.RecordBatch, picked: Sequence[int], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """(row, its values in these columns), with times as microseconds."""
    if not picked:
        return iter(())
    found = taken(rows.select(columns).take(pa.array(picked)))
    return ((row, *values) for row, values in zip(picked, found, strict=True))


def _without_repeats(found: Keyed, repeats: NDArray[numpy.bool_]) -> Keyed:
    if not repeats.any():
        return found
    keep = numpy.flatnonzero(~repeats)
    places = (numpy.cumsum(~repeats) - 1).tolist()
    return Keyed(
        found.rows.take(pa.array(keep)),
        found.offsets[keep],
        found.numbers[keep],
        [found.keys[row] for row in keep.tolist()],
        {places[row]: said for row, said in found.marks.items() if not repeats[row]},
    )
