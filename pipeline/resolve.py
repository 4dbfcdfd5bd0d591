"""The resolve hop's steps: repeats of an event leave, the others learn their person and their session."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.columns import fixed, integers, repeated, sixteen, texts
from pipeline.facts import claims_key, routed, sent
from pipeline.identity import Claim, ClaimKind, IdentityRules, refusal_of
from pipeline.ingestion_warnings import refused_claim
from pipeline.known import GIVEN, PERSONLESS, Known, KnownRules, Learned
from pipeline.log_batch import LogBatch
from pipeline.outcome import DROPPED, DUPLICATE, MOVED, Fate, Outcome, Read, Sent
from pipeline.properties import Described, State, describe
from pipeline.registers import PeopleRules, PropertyEvent
from pipeline.sessions import LATE, session_id
from schemas.batches import PREPARED, hash_of
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
    marks = [0] * rows.num_rows
    for row, said in found.marks.items():
        marks[row] = (GIVEN if said.session else 0) | (PERSONLESS if said.personless else 0)
    known = Known(read, rules)
    # Four bytes of seconds reach until 2106; what claims to have been received later is remembered as of then.
    seconds = numpy.minimum(integers(rows.column("received_at")) // 1_000_000, 0xFFFFFFFF).tolist()
    timestamps = integers(rows.column("timestamp")).tolist()
    answer = known.learn(found.keys, sixteen(rows.column("uuid")), seconds, timestamps, marks)
    return _without_repeats(found, answer.repeats), answer, State(known.changes, read)


def with_people(found: Keyed, known: Learned, carried: Mapping[int, bytes]) -> dict[str, pa.Array]:
    """The person of each row, as far as it is known now, and the properties its event carries."""
    return {
        "person_id": fixed(known.people),
        "person_identified": pa.array(known.identified, pa.bool_()),
        "person_properties": texts([carried.get(row, b"") for row in range(len(found.keys))]),
    }


def with_properties(found: Keyed, known: Learned, state: State, rules: PeopleRules) -> Described:
    """What the events set, worked into the state; personless ones set nothing."""
    rows = found.rows
    lengths = [pa.compute.binary_length(rows.column(name)).to_numpy(zero_copy_only=False) for name in _SETTING]
    setting = set(numpy.flatnonzero(sum(lengths)).tolist())
    concerned = sorted(setting.union(row for row, is_known in enumerate(known.described) if is_known))
    about = [row for row in concerned if not (row in found.marks and found.marks[row].personless)]
    return describe(
        [(row, found.keys[row], _said(rows, row) if row in setting else None) for row in about], state, rules
    )


def claimed(found: Keyed, partition: int, rules: ResolveRules) -> list[Sent]:
    """Claims that two distinct ids are one person, for identify; those that need no further look are refused here."""
    claims, homes, warnings = [], [], []
    for row, said in found.marks.items():
        if not said.claim:
            continue
        one = {name: found.rows.column(name)[row] for name in _CLAIMING}
        project, into, uuid = one["project"].as_py(), one["distinct_id"].as_py(), one["uuid"].as_py()
        timestamp, received_at = one["timestamp"].value, one["received_at"].value
        historical = one["historical"].as_py()
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
    rows = found.rows
    facts = [
        (
            rows.column("project")[row].as_py(),
            rows.column("distinct_id")[row].as_py(),
            code,
            message,
            rows.column("uuid")[row].as_py(),
            rows.column("timestamp")[row].value,
        )
        for row, code, message in refused
    ]
    return sent("ingestion.warnings", partition, facts)


def with_sessions(found: Keyed, known: Learned) -> dict[str, pa.Array]:
    """The session of each row: named by its sender, derived, or none because it came too late (empty, since 1970)."""
    starts = [0 if start == LATE else start for start in known.starts]
    ids = ["" if start == LATE else session_id(key, start) for key, start in zip(found.keys, known.starts, strict=True)]
    given = numpy.zeros(len(ids), dtype=bool)
    for row, said in found.marks.items():
        if said.session:
            ids[row], given[row] = said.session, True
    return {
        "session_id": pa.array(ids, pa.string()),
        "session_given": pa.array(given),
        "session_start": pa.array(starts, pa.int64()).cast(PREPARED.field("session_start").type),
    }


def session_facts(partition: int, known: Learned) -> list[Sent]:
    """What changed about the starts of sessions."""
    facts = []
    for key, fact in known.facts:
        project, _, distinct_id = key.decode().partition(":")
        facts.append((int(project), distinct_id, fact.start, session_id(key, fact.start), fact.dead))
    return sent("session.starts", partition, facts)


def prepared(
    batch: LogBatch,
    found: Keyed,
    columns: dict[str, pa.Array],
    repeats: Sequence[bool],
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
    dropped = _by_project(batch.rows.filter(pa.array(repeats)), DROPPED, DUPLICATE) if True in repeats else []
    return Outcome(
        rows=batch.rows.num_rows,
        uuid_sum=hash_of(batch.rows.column("uuid")),
        fates=[*_by_project(rows, MOVED, ""), *dropped],
        moved=[(batch.partition, rows)] if count else [],
        sent=beside,
        changes=changes,
    )


def _said(rows: pa.RecordBatch, row: int) -> PropertyEvent:
    timestamp, uuid = rows.column("timestamp")[row].value, rows.column("uuid")[row].as_py()
    return PropertyEvent(timestamp, uuid, *(rows.column(name)[row].as_py() for name in _SETTING))


def _without_repeats(found: Keyed, repeats: Sequence[bool]) -> Keyed:
    if True not in repeats:
        return found
    keep = numpy.flatnonzero(~numpy.array(repeats))
    places = {row: place for place, row in enumerate(keep.tolist())}
    return Keyed(
        found.rows.take(pa.array(keep)),
        found.offsets[keep],
        found.numbers[keep],
        [found.keys[row] for row in places],
        {places[row]: said for row, said in found.marks.items() if row in places},
    )


def _by_project(rows: pa.RecordBatch, kind: str, detail: str) -> list[Fate]:
    projects = integers(rows.column("project"))
    uuids = rows.column("uuid")
    fates = []
    for project in numpy.unique(projects).tolist():
        chosen = uuids if (projects == project).all() else uuids.filter(pa.array(projects == project))
        fates.append(Fate(kind, project, detail, len(chosen), hash_of(chosen)))
    return fates
