"""Histories of a few people, by chance: few ids and few times, so that ties, cycles and refusals are common."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.reference.identity_reference import Split
from tests.reference.path_reference import Event

__all__ = ["History", "some_history"]

START = 1_600_000_000_000_000
MINUTE = 60_000_000
TIMES = [START + minutes * MINUTE for minutes in (0, 1, 29, 30, 31, 60, 61, 90, 300)]
"""Half an hour apart, a little more, a little less: sessions end there."""
IDS = ("ada", "bob", "eve", "phone", "é:1", 7)
ILLEGAL = ("anonymous", " ", "'null'", "0", "[object object]", ["a"], {"a": 1}, "a\0b", "x" * 201, "NaN")
CLAIMS = ("$identify", "$identify", "$create_alias", "$merge_dangerously")
NAMES = ("city", "plan", "zip")
DAY_MS = 86_400_000


class History(NamedTuple):
    """What happens in a project: events, people split, more events."""

    events: Sequence[Event]
    splits: Sequence[Split] = ()
    after: Sequence[Event] = ()


def some_history(chance: random.Random) -> History:
    """Events, and splits that may come at any time."""
    ids = chance.sample(IDS, chance.choice((2, 3, 3, 4, 6)))
    times = chance.sample(TIMES, chance.choice((2, 4, 9)))
    hub = ids[0] if chance.random() < 0.3 else None
    events = _events(chance, ids, times, hub, chance.choice((2, 3, 5, 8, 12)))
    blocks = chance.choice((0, 0, 0, 1, 1, 2)) if events else 0
    return History(events, [Split(str(chance.choice(ids)), chance.choice(times)) for _ in range(blocks)])


def _events(chance: random.Random, ids: Sequence[Any], times: Sequence[int], hub: Any, size: int) -> list[Event]:
    """Of one project. A uuid may come twice, with different ids; a claim is often said again later."""
    found: dict[tuple[Any, int], Event] = {}
    for number in range(1, size + 1):
        uuid = number if chance.random() < 0.9 else chance.randint(1, size)
        event = _event(chance, ids, times, hub, uuid)
        if found and chance.random() < 0.15:
            before = chance.choice(list(found.values()))
            event = before._replace(uuid=uuid, at=chance.choice(times))
        found.setdefault((str(event.distinct_id), uuid), event)
    return list(found.values())


def _event(chance: random.Random, ids: Sequence[Any], times: Sequence[int], hub: Any, uuid: int) -> Event:
    event = Event(chance.choice(ids), uuid, chance.choice(times))
    if chance.random() < 0.6:
        event = event._replace(name=chance.choice(CLAIMS), other=_other(chance, ids, hub))
    if chance.random() < 0.5:
        event = event._replace(
            set=_values(chance, uuid),
            set_once=_values(chance, uuid),
            unset=tuple(chance.sample(NAMES, chance.choice((0, 0, 0, 1, 2)))),
        )
    if chance.random() < 0.1:
        event = event._replace(session=chance.choice(("s1", "s2")))
    if chance.random() < 0.1:
        event = event._replace(personless=True)
    if chance.random() < 0.1:
        event = event._replace(
            late_ms=chance.choice((DAY_MS, DAY_MS + 1, 3 * DAY_MS)), historical=chance.random() < 0.5
        )
    if chance.random() < 0.03:
        event = event._replace(distinct_id=chance.choice(("anonymous", "None", "'0'")))
    return event


def _other(chance: random.Random, ids: Sequence[Any], hub: Any) -> Any:
    luck = chance.random()
    if luck < 0.08:
        return chance.choice(ILLEGAL)
    if luck < 0.16:
        return chance.choice((None, ""))
    return hub if hub is not None and luck < 0.7 else chance.choice(ids)


def _values(chance: random.Random, uuid: int) -> dict[str, Any]:
    names = chance.sample(NAMES, chance.choice((0, 0, 1, 1, 2)))
    return {name: chance.choice((uuid, f"v{uuid}", None, True, [uuid])) for name in names}
