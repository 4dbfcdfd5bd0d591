"""Plays the second part of the demonstration and compares what comes out with the batch answer."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from destinations.clickhouse.connect import new_client
from pipeline.arrival import Arrival
from pipeline.demo.batch_answer import Answer, Visit, batch_answer, differences, visits
from pipeline.demo.visitors import Event, Story, relogin, story
from pipeline.importer import ImportPlan, send
from pipeline.settings import Settings
from pipeline.splitting import split
from schemas.outcomes import Retry

__all__ = ["Act", "Played", "check_addresses", "play", "project_of"]

QUERYABLE_WITHIN_S = 60.0


class Act(msgspec.Struct, frozen=True):
    """The people as ClickHouse has them after one act."""

    title: str
    events: int
    people: int
    visits: int
    story: list[str]
    """What to look at, a line each."""
    refused: list[str]
    """Claims that did not count, with the reasons: the ingestion warnings that are new."""


class Played(msgspec.Struct, frozen=True):
    """The whole part."""

    acts: list[Act]
    differences: list[str]
    """From the batch answer; none is the good answer."""


def play(settings: Settings, token: str, tell: Callable[[str], None]) -> Played:
    """Browse, log in, split, log in again; after each act look, in the end compare. Raises Retry."""
    now = datetime.now(UTC)
    # Yesterday: nothing of it lies ahead, or the split would cover the next login.
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    stage = _Stage(settings, token, story(day, f"{int(now.timestamp()):x}"))
    found = stage.story
    tell("Twelve visitors browse on two devices each …")
    acts = [stage.act("before anybody logs in", found.browsing, [found.late_device])]
    tell("They log in, in shuffled order; a second one on a device of another; one page view comes late …")
    acts.append(stage.act("after the logins", found.logins, [found.late_device, found.shared_device]))
    tell(f"The person of {found.split_device} is split there …")
    stage.split()
    acts.append(stage.act("after the split", [], [found.split_device]))
    tell("… and logs in on it again.")
    acts.append(stage.act("after the next login", [relogin(found, datetime.now(UTC))], [found.split_device]))
    return Played(acts, stage.differences())


def check_addresses(settings: Settings, token: str) -> list[str]:
    """The visits of the imported access log against a batch computation over all of it; what differs, in words.

    Everything of those distinct ids counts, for any event goes on with a visit. What came too late for a visit, as when
    there were newer events before, has none; and a visit that its sender named is what its sender says.
    """
    client = new_client(settings.clickhouse)
    try:
        asked = {"project": project_of(settings, token)}
        derived = "project = {project:Int64} AND session_id != '' AND NOT session_given"
        imported = "SELECT distinct_id FROM events WHERE project = {project:Int64} AND event = 'request'"
        where = f"WHERE {derived} AND distinct_id GLOBAL IN ({imported})"
        events = client.query(f"SELECT distinct_id, timestamp FROM events_resolved {where}", asked).result_rows
        query = (
            "SELECT distinct_id, min(timestamp), max(timestamp), count() "
            f"FROM events_resolved {where} GROUP BY distinct_id, session_id"
        )
        ours = [_visit(row) for row in client.query(query, asked).result_rows]
    finally:
        client.close()
    theirs = visits([(name, _utc(at)) for name, at in events], settings.sessions.gap_s)
    return differences(Answer({}, {}, ours), Answer({}, {}, theirs))


def project_of(settings: Settings, token: str) -> int:
    """The project that a token names."""
    return next(project.id for project in settings.projects if token in project.tokens)


class _Stage:
    """The story so far, and the means to look at it."""

    def __init__(self, settings: Settings, token: str, told: Story) -> None:
        self.story = told
        self._settings = settings
        self._token = token
        self._project = project_of(settings, token)
        self._sent: list[Event] = []
        self._blocks: dict[str, int] = {}
        self._warned: set[str] = set()

    def act(self, title: str, events: Sequence[Event], shown: Sequence[str]) -> Act:
        """Send, wait until all of it can be queried, and look."""
        records = [msgspec.json.encode(event) for event in events]
        plan = ImportPlan(form="ndjson", token=self._token)
        done = send(self._settings, plan, enumerate(records, 1), lambda _: None)
        arrival = Arrival(self._settings)
        try:
            pending = arrival.wait(done.ends, QUERYABLE_WITHIN_S)
        finally:
            arrival.close()
        if pending:
            raise Retry(f"after {QUERYABLE_WITHIN_S:.0f} s {pending}; see headrace status")
        self._sent += events
        answer = self._answer()
        people = {person for person, _ in answer.people.values()}
        lines = [self._told(name, answer) for name in shown]
        return Act(title, len(self._sent), len(people), len(answer.visits), lines, self._refused())

    def split(self) -> None:
        """Split the person at the device: claims on it up to now are refused, whenever they come."""
        at_us = time.time_ns() // 1000
        self._blocks[self.story.split_device] = at_us
        split(self._settings, self._project, self.story.split_device, at_us)

    def differences(self) -> list[str]:
        """What ClickHouse says other than the batch."""
        batch = batch_answer(self._project, self._sent, self._blocks, self._settings.sessions.gap_s)
        return differences(self._answer(), batch)

    def _refused(self) -> list[str]:
        client = new_client(self._settings.clickhouse)
        try:
            query = (
                "SELECT DISTINCT message FROM ingestion_warnings FINAL "
                "WHERE project = {project:Int64} AND distinct_id IN {ids:Array(String)} ORDER BY message"
            )
            asked = {"project": self._project, "ids": self.story.distinct_ids}
            said = [str(row[0]) for row in client.query(query, asked).result_rows]
        finally:
            client.close()
        new = [message for message in said if message not in self._warned]
        self._warned.update(new)
        return new

    def _told(self, name: str, answer: Answer) -> str:
        person, identified = answer.people[name]
        ids = sorted(other for other, (theirs, _) in answer.people.items() if theirs == person)
        count = sum(visit.distinct_id == name for visit in answer.visits)
        who = answer.properties[person].get("name", "somebody" if identified else "nobody we know")
        return f"{name} is {who}: {', '.join(ids)}; {count} visits there"

    def _answer(self) -> Answer:
        """What an analyst would see of the story's people."""
        client = new_client(self._settings.clickhouse)
        names = {"project": self._project, "ids": self.story.distinct_ids}
        ours = "project = {project:Int64} AND distinct_id IN {ids:Array(String)}"
        try:
            found = client.query(
                f"SELECT distinct_id, toString(person_id) FROM person_distinct_ids WHERE {ours}", names
            )
            owners = {str(name): str(person) for name, person in found.result_rows}
            query = (
                "SELECT toString(person_id), identified, properties FROM persons_current "
                "WHERE project = {project:Int64} AND person_id IN {people:Array(UUID)}"
            )
            asked = {"project": self._project, "people": sorted(set(owners.values()))}
            people = {row[0]: (bool(row[1]), row[2]) for row in client.query(query, asked).result_rows}
            query = (
                "SELECT any(distinct_id), min(timestamp), max(timestamp), count() "
                f"FROM events_resolved WHERE {ours} GROUP BY session_id"
            )
            stays = [_visit(row) for row in client.query(query, names).result_rows]
        finally:
            client.close()
        return Answer(
            {name: (person, people[person][0]) for name, person in owners.items() if person in people},
            {person: msgspec.json.decode(text) for person, (_, text) in people.items()},
            stays,
        )


def _visit(row: Sequence[Any]) -> Visit:
    return Visit(str(row[0]), _utc(row[1]), _utc(row[2]), int(row[3]))


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
