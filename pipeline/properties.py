"""Person properties in resolve: what events set, what they carry, and what the people hop is told.

Two state keys for each distinct id that has any: `r` holds its registers (pipeline/registers.py), `v` the properties as
its events carry them: of its own making while it is alone, what people has answered once it is one of several.
"""

from collections.abc import Iterable, Mapping

import msgspec
import numpy
import pyarrow as pa

from pipeline.columns import fixed, texts
from pipeline.facts import parted
from pipeline.known_value import described, heads_of, is_own_person, known_key, person_of, unknown
from pipeline.outcome import Read, Sent
from pipeline.registers import PeopleRules, PropertyEvent, learn, overlaid, view
from pipeline.routing import partitions_of
from schemas.batches import CHANGES

__all__ = ["Described", "State", "describe", "forget_view", "told_to_people", "viewed"]

_VERSION_BYTES = 8


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

    def several(self, keys: Iterable[bytes]) -> list[bytes | None]:
        """What `get` gives for each: a call for each costs as much as the look."""
        changes, read = self.changes, self._read
        return [changes[key] if key in changes else read(key) for key in keys]


def describe(
    rows: Iterable[tuple[int, bytes]], said: Mapping[int, PropertyEvent], state: State, rules: PeopleRules
) -> Described:
    """Work properties in. `rows`, as (row, state key), are those that set something (`said`) or whose id has a view."""
    found = Described({}, set(), [])
    whose = dict(rows)
    by_key: dict[bytes, list[tuple[int, PropertyEvent | None]]] = {whose[row]: [] for row in said}
    silent = []
    for row, key in whose.items():
        if key in by_key:
            by_key[key].append((row, said.get(row)))
        else:
            silent.append(row)
    places = state.several([b"v" + whose[row] for row in silent])
    found.carried.update(zip(silent, [(place or b"")[_VERSION_BYTES:] or b"{}" for place in places], strict=True))
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
    learned = learn(state.get(b"r" + key) or b"", [said for _, said in setting], rules)
    found.refused.extend((setting[index][0], code, message) for index, code, message in learned.warnings)
    if not learned.changed:
        return  # What was set is older than what is known, and nobody would correct it.
    known = state.get(known_key(key))
    state.changes[b"r" + key] = learned.registers
    found.learned.add(key)
    if not any(version) and is_own_person(key, known):
        # Nobody else has a say, and some of what was set may be older than what is shown.
        shown = learned.view(rules)
    if place is None:
        state.changes[known_key(key)] = described(key, known)
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
        state.changes[known_key(key)] = described(key, known)
    state.changes[b"v" + key] = version.to_bytes(_VERSION_BYTES) + properties


def told_to_people(keys: Iterable[bytes], state: State, partitions: int) -> list[Sent]:
    """What is known of these distinct ids, for their people."""
    asked = list(keys)
    if not asked:
        return []
    values = state.several([known_key(key) for key in asked])
    heads = heads_of([value or unknown(key) for key, value in zip(asked, values, strict=True)])
    people = numpy.ascontiguousarray(heads["person"])
    named = [key.partition(b":") for key in asked]
    no = pa.array(numpy.zeros(len(asked), bool))
    rows = pa.record_batch(
        [
            pa.array([int(project) for project, _, _ in named], pa.int64()),
            fixed(people),
            texts([distinct_id for _, _, distinct_id in named], pa.string()),
            pa.array(heads["version"].astype(numpy.int64)),
            no,
            no,
            no,
            texts([registers or b"" for registers in state.several([b"r" + key for key in asked])]),
            pa.array(heads["created"].astype(numpy.int64)),
        ],
        CHANGES,
    )
    hexes = people.tobytes().hex().encode()
    homes = [project + b":" + hexes[32 * at : 32 * at + 32] for at, (project, _, _) in enumerate(named)]
    return parted("person.changes", rows, partitions_of(homes, partitions))
