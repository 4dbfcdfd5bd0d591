"""What an installation has come to, project by project, in the words of the reference."""

import json
from collections import defaultdict
from typing import Any, NamedTuple

from pipeline.claims import SPLIT
from tests.laws.people_model import Installation
from tests.reference.identity_reference import Said, Split
from tests.reference.identity_reference import id_of as person_id_of
from tests.reference.path_reference import Final, Refused, Shown, session_id_of

__all__ = ["Answers", "answers"]

TOPICS = (
    "events.prepared",
    "identity.claims",
    "identity.mappings",
    "persons",
    "session.starts",
    "ingestion.warnings",
)
KINDS = {1: "identify", 2: "alias", 3: "dangerously"}


class Answers(NamedTuple):
    """Of one project."""

    final: Final
    carried: dict[str, dict[str, Any]]
    """The properties that the next event of each distinct id would carry, of the ids that know any."""
    log: list[Said | Split]
    """Claims and splits in the order in which identify met them, copies included."""
    warned: set[Refused]
    """Claims that were refused at some time."""
    copies: int
    """Events that went on more than once."""


class Collected:
    """All facts about a project."""

    def __init__(self, project: int) -> None:
        self.project = project
        self.names: set[str] = set()
        self.mappings: dict[str, dict[str, Any]] = {}
        self.persons: dict[bytes, dict[str, Any]] = {}
        self.starts: dict[str, dict[int, bool]] = defaultdict(dict)
        self.events: list[dict[str, Any]] = []
        self.log: list[Said | Split] = []
        self.warned: set[Refused] = set()
        self.carried: dict[str, dict[str, Any]] = {}

    def take(self, topic: str, row: dict[str, Any]) -> None:
        """A fact of any topic. Of mappings and persons, that with the highest version counts."""
        match topic:
            case "events.prepared":
                self.names.add(row["distinct_id"])
                self.events.append(row)
            case "identity.claims":
                self.names |= {row["into"], row["other"]}
                self.log.append(_record(row))
            case "identity.mappings":
                before = self.mappings.setdefault(row["distinct_id"], row)
                self.mappings[row["distinct_id"]] = max(before, row, key=_version)
            case "persons":
                before = self.persons.setdefault(row["person_id"], row)
                self.persons[row["person_id"]] = max(before, row, key=_version)
            case "session.starts":
                facts = self.starts[row["distinct_id"]]
                facts[row["start"]] = facts.get(row["start"], False) or row["dead"]
            case "ingestion.warnings":
                self.warned.add(Refused(row["distinct_id"], int.from_bytes(row["event_uuid"]), row["code"]))

    def answers(self) -> Answers:
        origin = {person_id_of(self.project, name): name for name in self.names}
        mapping = {name: (origin[row["person_id"]], row["identified"]) for name, row in self.mappings.items()}
        persons = {
            origin[person]: Shown(
                json.loads(row["properties"]), row["created_at"], row["identified"], tuple(row["distinct_ids"])
            )
            for person, row in self.persons.items()
            if not row["is_deleted"]
        }
        events: dict[tuple[str, int], tuple[str, bool, str | int]] = {}
        for row in self.events:
            name, key = row["distinct_id"], (row["distinct_id"], int.from_bytes(row["uuid"]))
            stamped = (origin[row["person_id"]], row["person_identified"])
            answer = (*mapping.get(name, stamped), self._session(row))
            assert events.setdefault(key, answer) == answer, f"copies of {key} differ: {events[key]}, {answer}"
        alone = {name: person for name, person in mapping.items() if person != (name, False)}
        copies = len(self.events) - len(events)
        return Answers(Final(alone, persons, events), self.carried, self.log, self.warned, copies)

    def _session(self, row: dict[str, Any]) -> str | int:
        if row["session_given"]:
            return str(row["session_id"])
        start, name = row["session_start"], row["distinct_id"]
        assert row["session_id"] == session_id_of(self.project, name, start)
        facts = self.starts[name]
        return max(other for other, dead in facts.items() if other < start and not dead) if facts[start] else int(start)


def answers(installation: Installation) -> dict[int, Answers]:
    """By project, of those that sent anything."""
    found: dict[int, Collected] = {}
    for topic in TOPICS:
        for row in installation.rows(topic):
            project = row["project"]
            found.setdefault(project, Collected(project)).take(topic, row)
    for key, value in installation.state("resolve"):
        if key.startswith(b"v"):
            number, _, name = key[1:].decode().partition(":")
            found[int(number)].carried[name] = json.loads(value[8:] or b"{}")
    return {project: one.answers() for project, one in found.items()}


def _version(row: dict[str, Any]) -> int:
    version: int = row["version"]
    return version


def _record(row: dict[str, Any]) -> Said | Split:
    if row["kind"] == SPLIT:
        return Split(row["into"], row["timestamp"])
    return Said(row["into"], row["other"], KINDS[row["kind"]], row["timestamp"], row["event_uuid"])
