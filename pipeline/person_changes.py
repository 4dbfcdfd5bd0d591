"""The people hop's steps: what members say of themselves, and who the members are, become persons and their views."""

from typing import Any

import msgspec

from pipeline.facts import person_key, routed, sent
from pipeline.large_values import parted, whole
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome, Read, applied
from pipeline.people import MembershipChange, PeopleRules, RegistersChange, absorb, audience, snapshot
from pipeline.routing import state_key

__all__ = ["PersonRules", "absorbed"]


class PersonRules(msgspec.Struct, frozen=True):
    """What people needs to know."""

    people: PeopleRules
    partitions: int


def absorbed(batch: LogBatch, read: Read, rules: PersonRules) -> Outcome:
    """The outcome of some records of person.changes.

    A person changed several times by one batch is told once, as of its last change.
    """
    persons: dict[bytes, bytes] = {}
    touched: dict[tuple[int, bytes], int] = {}
    for row, version in zip(batch.rows.to_pylist(), batch.versions(), strict=True):
        project, person = row["project"], row["person_id"]
        key = _state_key(project, person)
        result = absorb(persons.get(key) or whole(read, key), _change(row), rules.people)
        if result.changed:
            persons[key] = result.person
            touched[project, person] = version
    snapshots: list[tuple[Any, ...]] = []
    views: list[tuple[Any, ...]] = []
    for (project, person), version in touched.items():
        state = persons[_state_key(project, person)]
        row = snapshot(state, rules.people)
        snapshots.append(
            (
                project,
                person,
                version,
                row.created_at,
                row.identified,
                row.is_deleted,
                row.properties,
                row.distinct_ids,
            )
        )
        views += [(project, name, person, version, row.properties) for name in audience(state)]
    homes = [state_key(one[0], one[1]) for one in views]
    beside = [*sent("persons", batch.partition, snapshots), *routed("person.views", views, homes, rules.partitions)]
    changes: dict[bytes, bytes | None] = {}
    for key, value in persons.items():
        changes.update(parted(read, key, value))
    return applied(batch.rows, beside, changes)


def _change(row: dict[str, Any]) -> RegistersChange | MembershipChange:
    project, person, name, version = row["project"], row["person_id"], row["distinct_id"], row["mapping_version"]
    if row["membership"]:
        return MembershipChange(project, person, name, version, row["joined"], row["identified"])
    return RegistersChange(project, person, name, version, row["registers"], row["created_at"])


def _state_key(project: int, person: bytes) -> bytes:
    return b"p" + person_key(project, person)
