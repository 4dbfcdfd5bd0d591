"""The people hop's steps: what members say of themselves, and who the members are, become persons and their views."""

from typing import Any

import msgspec

from pipeline.facts import routed, sent, taken
from pipeline.large_values import opened, put
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome, Read, applied
from pipeline.people import Members, MembershipChange, PeopleRules, RegistersChange
from pipeline.registers import told
from pipeline.routing import state_key

__all__ = ["PersonRules", "absorbed"]

_Change = RegistersChange | MembershipChange


class PersonRules(msgspec.Struct, frozen=True):
    """What people needs to know."""

    people: PeopleRules
    partitions: int


def absorbed(batch: LogBatch, read: Read, rules: PersonRules) -> Outcome:
    """The outcome of some records of person.changes.

    A person changed several times by one batch is looked at once, and told as of its last change.
    """
    changes: dict[bytes, bytes | None] = {}
    persons: list[tuple[Any, ...]] = []
    views: list[tuple[Any, ...]] = []
    for (project, person), found in _by_person(batch).items():
        key = _state_key(project, person)
        stored = read(key)
        members = Members(opened(read, key, stored))
        versions = [version for version, change in found if members.absorb(change, rules.people)]
        if not versions:
            continue
        put(changes, key, stored, members.encoded())
        unaware = members.unaware()
        if not (unaware or members.looks_different):
            continue
        row, version = members.snapshot(rules.people), versions[-1]
        if members.looks_different:
            about = (row.created_at, row.identified, row.is_deleted, row.properties, row.distinct_ids)
            persons.append((project, person, version, *about))
        if unaware:
            properties = told(row.properties, len(members.audience()), rules.people)
            views += [(project, name, person, version, properties) for name in unaware]
    homes = [state_key(one[0], one[1]) for one in views]
    beside = [*sent("persons", batch.partition, persons), *routed("person.views", views, homes, rules.partitions)]
    return applied(batch.rows, beside, changes)


def _by_person(batch: LogBatch) -> dict[tuple[int, bytes], list[tuple[int, _Change]]]:
    """The changes with their versions, by project and person, in the order of the log."""
    found: dict[tuple[int, bytes], list[tuple[int, _Change]]] = {}
    for version, row in zip(batch.versions(), taken(batch.rows), strict=True):
        project, person, name, mapping, is_membership, joined, identified, registers, created_at = row
        change: _Change
        if is_membership:
            change = MembershipChange(project, person, name, mapping, joined, identified)
        else:
            change = RegistersChange(project, person, name, mapping, registers, created_at)
        found.setdefault((project, person), []).append((version, change))
    return found


def _state_key(project: int, person: bytes) -> bytes:
    return b"p%d:%s" % (project, person)
