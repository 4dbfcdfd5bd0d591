"""Person properties in resolve: what events set, what they carry, and what the people hop is told.

Two state keys for each distinct id that has any: `r` holds its registers (pipeline/registers.py), `v` the properties as
its events carry them: of its own making while it is alone, what people has answered once it is one of several.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from pipeline.facts import person_key, routed
from pipeline.known import computed_person, described, known_key, person_of
from pipeline.outcome import Read, Sent
from pipeline.registers import PeopleRules, PropertyEvent, learn, overlaid, view

__all__ = ["Described", "State", "describe", "forget_view", "told_to_people", "viewed"]

_VERSION_BYTES = 8


class Said(msgspec.Struct, frozen=True):
    """What one event says about its person's properties."""

    row: int
    event: PropertyEvent


class Described(msgspec.Struct, frozen=True):
    """What follows from the properties that a batch's events set."""

    carried: dict[int, bytes]
    """By row: the person's properties as known then, with the event's own over them, as the text of a JSON object."""
    learned: set[bytes]
    """State keys whose registers changed."""
    refused: list[tuple[int, str, str]]
    """(row, code, message)"""


class State:
    """The state as a batch leaves it: its changes over what was there."""

    def __init__(self, changes: dict[bytes, bytes | None], read: Read) -> None:
        self.changes = changes
        self._read = read

    def get(self, key: bytes) -> bytes | None:
        return self.changes[key] if key in self.changes else self._read(key)


def describe(rows: Iterable[tuple[int, bytes, PropertyEvent | None]], state: State, rules: PeopleRules) -> Described:
    """Work properties in. `rows` are those that set something or whose person is described: (row, state key, said)."""
    by_key: dict[bytes, list[tuple[int, PropertyEvent | None]]] = {}
    for row, key, said in rows:
        by_key.setdefault(key, []).append((row, said))
    found = Described({}, set(), [])
    for key, events in by_key.items():
        _describe_one(key, events, state, rules, found)
    return found


def _describe_one(
    key: bytes, events: list[tuple[int, PropertyEvent | None]], state: State, rules: PeopleRules, found: Described
) -> None:
    place = state.get(b"v" + key)
    version, shown = (place[:_VERSION_BYTES], place[_VERSION_BYTES:]) if place else (bytes(_VERSION_BYTES), b"")
    for row, said in events:
        if said is not None:
            shown = overlaid(shown, said.set, said.set_once, said.unset, rules)
        found.carried[row] = shown
    setting = [(row, said) for row, said in events if said is not None]
    if not setting:
        return
    learned = learn(state.get(b"r" + key) or b"", [said for _, said in setting], rules)
    found.refused.extend((setting[index][0], code, message) for index, code, message in learned.warnings)
    if not learned.changed:
        return  # What was set is older than what is known, and nobody would correct it.
    known = state.get(known_key(key))
    state.changes[b"r" + key] = learned.registers
    found.learned.add(key)
    if not any(version) and person_of(key, known)[0] == computed_person(key):
        # Nobody else has a say, and some of what was set may be older than what is shown.
        shown = view(learned.registers, rules)
    if place is None:
        state.changes[known_key(key)] = described(known)
    state.changes[b"v" + key] = version + shown


def forget_view(key: bytes, state: State, rules: PeopleRules) -> None:
    """The id belongs to another person now: until people says how that one looks, only what the id itself has set.

    People says nothing to an id that came back to a person of its own, in which no other has ever been.
    """
    if state.get(b"v" + key):
        state.changes[b"v" + key] = bytes(_VERSION_BYTES) + view(state.get(b"r" + key) or b"", rules)


def viewed(key: bytes, person: bytes, version: int, properties: bytes, state: State) -> None:
    """People says how the person of this id looks. What is older, or about another person, changes nothing."""
    known = state.get(known_key(key))
    place = state.get(b"v" + key)
    if person_of(key, known)[0] != person or (place and int.from_bytes(place[:_VERSION_BYTES]) >= version):
        return
    if place is None:
        state.changes[known_key(key)] = described(known)
    state.changes[b"v" + key] = version.to_bytes(_VERSION_BYTES) + properties


def told_to_people(keys: Iterable[bytes], state: State, partitions: int) -> list[Sent]:
    """What is known of these distinct ids, for their people."""
    facts: list[tuple[Any, ...]] = []
    homes = []
    for key in keys:
        person, version, created_at = person_of(key, state.get(known_key(key)))
        project, _, distinct_id = key.decode().partition(":")
        registers = state.get(b"r" + key) or b""
        facts.append((int(project), person, distinct_id, version, False, False, False, registers, created_at))
        homes.append(person_key(int(project), person))
    return routed("person.changes", facts, homes, partitions)
