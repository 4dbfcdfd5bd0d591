"""What must be true of people and visits in the end: what the slow and obvious computation says about the same events.

The events are taken from ClickHouse, where verdict.py has found each as it was sent; who they are and which visit they
belong to is computed here from nothing but their content, with the references of tests/reference.
"""

import json
from collections import Counter, defaultdict
from typing import Any

import msgspec

from tests.reference.identity_reference import Said, answer, id_of
from tests.reference.people_reference import Said as Properties
from tests.reference.people_reference import properties
from tests.reference.sessions_reference import sessions

__all__ = ["judge_people"]

GAP_US = 30 * 60 * 1_000_000
_SHOWN = 5
_MICROS = "toUnixTimestamp64Micro"


class Stored(msgspec.Struct, frozen=True):
    """An event as ClickHouse holds it."""

    project: int
    distinct_id: str
    event: str
    timestamp: int
    uuid: str
    properties: str
    set: str
    set_once: str


def judge_people(client: Any) -> None:
    """Raises AssertionError with the first differences."""
    query = (
        f"SELECT project, distinct_id, event, {_MICROS}(timestamp), toString(uuid), properties, set, set_once "
        "FROM headrace.events FINAL"
    )
    events = [Stored(*row) for row in client.query(query).result_rows]
    owners: dict[tuple[int, str], tuple[bytes, bool]] = {}
    for project in {event.project for event in events}:
        of_it = [event for event in events if event.project == project]
        claims = [_claim(event) for event in of_it if event.event == "$identify"]
        known = answer(project, claims, 1_000, 10_000).people
        alone = {event.distinct_id for event in of_it} - known.keys()
        owners |= {(project, name): found for name, found in known.items()}
        owners |= {(project, name): (id_of(project, name), False) for name in alone}
    assert len(set(owners.values())) < len(owners), "nobody was merged: this would show nothing"
    _check_people(client, events, owners)
    _check_events(client, events, owners)
    _check_visits(client, events)


def _check_people(client: Any, events: list[Stored], owners: dict[tuple[int, str], tuple[bytes, bool]]) -> None:
    """Every person once, with its properties, its age, and whether it is identified."""
    of_person: dict[tuple[int, bytes], list[Stored]] = defaultdict(list)
    for event in events:
        of_person[event.project, owners[event.project, event.distinct_id][0]].append(event)
    identified = {(project, person): known for (project, _), (person, known) in owners.items()}
    wanted = {
        (project, person.hex()): (
            min(event.timestamp for event in sent),
            identified[project, person],
            {name: json.loads(text) for name, text in _properties(sent).items()},
        )
        for (project, person), sent in of_person.items()
    }
    query = (
        f"SELECT project, replaceAll(toString(person_id), '-', ''), {_MICROS}(created_at), identified, properties "
        "FROM headrace.persons_current"
    )
    rows = client.query(query).result_rows
    found = {(row[0], row[1]): (row[2], bool(row[3]), json.loads(row[4])) for row in rows}
    assert len(found) == len(rows), f"{len(rows) - len(found)} people are there twice"
    _same("people", found, wanted)


def _check_events(client: Any, events: list[Stored], owners: dict[tuple[int, str], tuple[bytes, bool]]) -> None:
    """Every event has the person and the visit that are known now."""
    starts = _starts(events)
    wanted = {
        (event.project, event.distinct_id, event.uuid): (
            *(lambda known: (known[0].hex(), known[1]))(owners[event.project, event.distinct_id]),
            starts[event.project, event.distinct_id][event.timestamp],
        )
        for event in events
    }
    query = (
        "SELECT project, distinct_id, toString(uuid), replaceAll(toString(person_id), '-', ''), person_identified, "
        f"{_MICROS}(session_start) FROM headrace.events_resolved"
    )
    rows = client.query(query).result_rows
    found = {(row[0], row[1], row[2]): (row[3], bool(row[4]), row[5]) for row in rows}
    # `identified` is stamped where no claim ever concerned the id, and then it is false: compared like the rest.
    _same("events", found, wanted)


def _check_visits(client: Any, events: list[Stored]) -> None:
    """Every visit once, with its start, its end and its events."""
    starts = _starts(events)
    counts: Counter[tuple[int, str, int]] = Counter()
    ends: dict[tuple[int, str, int], int] = {}
    for event in events:
        key = (event.project, event.distinct_id, starts[event.project, event.distinct_id][event.timestamp])
        counts[key] += 1
        ends[key] = max(ends.get(key, event.timestamp), event.timestamp)
    wanted = {key: (ends[key], count) for key, count in counts.items()}
    query = f"SELECT project, distinct_id, {_MICROS}(start), {_MICROS}(end), events FROM headrace.sessions_current"
    rows = client.query(query).result_rows
    found = {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}
    assert len(found) == len(rows), f"{len(rows) - len(found)} visits are there twice"
    _same("visits", found, wanted)


def _starts(events: list[Stored]) -> dict[tuple[int, str], dict[int, int]]:
    times: dict[tuple[int, str], list[int]] = defaultdict(list)
    for event in events:
        times[event.project, event.distinct_id].append(event.timestamp)
    return {key: sessions(found, GAP_US) for key, found in times.items()}


def _properties(sent: list[Stored]) -> dict[str, str]:
    def said(text: str) -> dict[str, str]:
        return {name: json.dumps(value) for name, value in json.loads(text or "{}").items()}

    facts = [Properties(one.timestamp, _uuid(one), said(one.set), said(one.set_once)) for one in sent]
    return properties(facts, 1_000, 16_384, 65_536)


def _claim(event: Stored) -> Said:
    other = json.loads(event.properties)["$anon_distinct_id"]
    return Said(event.distinct_id, other, "identify", event.timestamp, _uuid(event))


def _uuid(event: Stored) -> bytes:
    return bytes.fromhex(event.uuid.replace("-", ""))


def _same(what: str, found: dict[Any, Any], wanted: dict[Any, Any]) -> None:
    missing = [key for key in wanted if key not in found]
    strange = [key for key in found if key not in wanted]
    other = [(key, found[key], wanted[key]) for key in wanted if key in found and found[key] != wanted[key]]
    wrong = missing + strange + other
    assert not wrong, (
        f"{what}: {len(wanted)} wanted, {len(found)} found; {len(missing)} missing: {missing[:_SHOWN]}; "
        f"{len(strange)} too many: {strange[:_SHOWN]}; {len(other)} other than wanted: {other[:_SHOWN]}"
    )
