"""Person properties and persons, computed the slow and obvious way from everything that was ever said.

Deliberately naive, and without a line of the product's code: events are replayed in order of (timestamp, uuid),
persons are computed from the whole list of facts. Values are JSON text as sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Fact", "Person", "Said", "person", "properties"]


@dataclass(frozen=True)
class Said:
    """One event's `$set`, `$set_once` and `$unset`."""

    timestamp: int
    uuid: bytes
    set: dict[str, str] = field(default_factory=dict)
    set_once: dict[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """What one person was told about one distinct id: `sent` (what it said), `joined` or `left`."""

    kind: str
    distinct_id: str
    version: int
    own: bool
    identified: bool = False
    said: tuple[Said, ...] = ()
    created_at: int = 0


@dataclass(frozen=True)
class Person:
    properties: dict[str, str]
    created_at: int
    identified: bool
    is_deleted: bool
    distinct_ids: list[str]


def properties(said: Sequence[Said], keys_max: int, value_bytes_max: int, bytes_max: int) -> dict[str, str]:
    largest: dict[str, int] = {}
    decided: dict[str, str | None] = {}
    first: dict[str, str] = {}
    for event in sorted(said, key=lambda one: (one.timestamp, one.uuid)):
        for name, value in event.set_once.items():
            if len(value.encode()) <= value_bytes_max:
                largest[name] = max(largest.get(name, 0), len(value.encode()))
                first.setdefault(name, value)
        for name, value in event.set.items():
            if len(value.encode()) <= value_bytes_max:
                largest[name] = max(largest.get(name, 0), 0 if name in event.unset else len(value.encode()))
                decided[name] = value
        for name in event.unset:
            largest.setdefault(name, 0)
            decided[name] = None
    kept = _with_room(largest, bytes_max)[:keys_max]
    current = {name: decided[name] if name in decided else first[name] for name in kept}
    return {name: value for name, value in current.items() if value is not None}


def _with_room(largest: dict[str, int], bytes_max: int) -> list[str]:
    """The smallest names, as long as those before them leave room."""
    return [
        name
        for name in sorted(largest)
        if sum(len(other) + largest[other] for other in largest if other < name) <= bytes_max
    ]


def person(facts: Sequence[Fact], keys_max: int, value_bytes_max: int, bytes_max: int) -> Person:
    said: list[Said] = []
    created: list[int] = []
    ids: list[str] = []
    identified = False
    for name in sorted({fact.distinct_id for fact in facts}):
        about = [fact for fact in facts if fact.distinct_id == name]
        departure = max((fact.version for fact in about if fact.kind == "left"), default=-10)
        valid = [fact for fact in about if fact.kind != "left" and fact.version >= departure]
        joined = _newest([fact for fact in valid if fact.kind == "joined"])
        sent = _newest([fact for fact in valid if fact.kind == "sent"])
        identified = identified or any(fact.identified for fact in joined)
        said += [event for fact in sent for event in fact.said]
        own_created = [fact.created_at for fact in sent if fact.created_at != 0]
        created += own_created
        if valid and (own_created or not valid[0].own):
            ids.append(name)
    return Person(
        properties=properties(said, keys_max, value_bytes_max, bytes_max),
        created_at=min(created, default=0),
        identified=identified,
        is_deleted=not created,
        distinct_ids=ids,
    )


def _newest(facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.version == max(other.version for other in facts)]
