"""What a batch computation says about the same events: everything at once, in order of time. Pure.

It shares the rules of who is who (pipeline/identity.py) with the pipeline and nothing else: no state, no messages, no
order of arrival. What the pipeline has in ClickHouse in the end must be the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from pipeline.demo.visitors import Event
from pipeline.identity import Claim, ClaimKind, IdentityRules, resolution

__all__ = ["Answer", "Visit", "batch_answer", "differences", "visits"]


class Visit(msgspec.Struct, frozen=True, order=True):
    """A session, as it can be compared."""

    distinct_id: str
    start: datetime
    end: datetime
    events: int


class Answer(msgspec.Struct, frozen=True):
    """Who is who, what is known of them, and their visits."""

    people: dict[str, tuple[str, bool]]
    """By distinct id: person id, and whether it is identified."""
    properties: dict[str, dict[str, Any]]
    """By person id."""
    visits: list[Visit]


def batch_answer(project: int, events: Sequence[Event], blocks: Mapping[str, int], gap_s: int) -> Answer:
    """All events and splits (the distinct id, and until when its claims are refused, in microseconds) at once."""
    ordered = sorted(events, key=lambda event: (event["timestamp"], event["uuid"]))
    found = resolution(project, [_claim(event) for event in ordered if _claims(event)], blocks, IdentityRules())
    people = {name: (str(UUID(bytes=person.person_id)), person.identified) for name, person in found.people.items()}
    alone = {event["distinct_id"] for event in ordered} - people.keys()
    people |= {
        name: (str(UUID(bytes=resolution(project, [], {name: 0}, IdentityRules()).people[name].person_id)), False)
        for name in alone
    }
    properties: dict[str, dict[str, Any]] = {person: {} for person, _ in people.values()}
    for event in reversed(ordered):
        known = properties[people[event["distinct_id"]][0]]
        known |= {name: value for name, value in event.get("$set", {}).items() if name not in known}
    for event in ordered:
        known = properties[people[event["distinct_id"]][0]]
        known |= {name: value for name, value in event.get("$set_once", {}).items() if name not in known}
    times = ((event["distinct_id"], datetime.fromisoformat(event["timestamp"])) for event in ordered)
    return Answer(people, properties, visits(times, gap_s))


def visits(events: Iterable[tuple[str, datetime]], gap_s: int) -> list[Visit]:
    """The visits of (distinct id, time) pairs: events of one distinct id with at most the gap between neighbors."""
    found: list[Visit] = []
    for distinct_id, at in sorted(events):
        last = found[-1] if found else None
        if last and last.distinct_id == distinct_id and at - last.end <= timedelta(seconds=gap_s):
            found[-1] = Visit(distinct_id, last.start, at, last.events + 1)
        else:
            found.append(Visit(distinct_id, at, at, 1))
    return found


def differences(ours: Answer, theirs: Answer) -> list[str]:
    """What the pipeline (`ours`) says other than the batch (`theirs`), in words; nothing is the good answer."""
    said = []
    for name in sorted(ours.people.keys() | theirs.people.keys()):
        if ours.people.get(name) != theirs.people.get(name):
            said.append(f"{name} is {ours.people.get(name)}, by the batch {theirs.people.get(name)}")
    for person in sorted(ours.properties.keys() | theirs.properties.keys()):
        if ours.properties.get(person) != theirs.properties.get(person):
            said.append(f"{person} has {ours.properties.get(person)}, by the batch {theirs.properties.get(person)}")
    for visit in sorted({*ours.visits} ^ {*theirs.visits}):
        only = "the pipeline" if visit in ours.visits else "the batch"
        said.append(f"only {only} has a visit of {visit.distinct_id} from {visit.start} with {visit.events} events")
    if len(ours.visits) != len({*ours.visits}):
        said.append("the pipeline has a visit twice")
    return said


def _claims(event: Event) -> bool:
    return bool(event["event"] == "$identify")


def _claim(event: Event) -> Claim:
    at = datetime.fromisoformat(event["timestamp"])
    stamp = round(at.timestamp() * 1_000_000)
    other = event["properties"]["$anon_distinct_id"]
    return Claim(event["distinct_id"], other, ClaimKind.IDENTIFY, stamp, UUID(event["uuid"]).bytes)
