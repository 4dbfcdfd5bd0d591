"""Events of visits and facts about their starts, as small as a test of ClickHouse wants them."""

import json
import uuid
from collections.abc import Sequence
from random import Random
from typing import Any

import pyarrow as pa

from pipeline.sessions import LATE, SessionRules, place, session_id
from schemas.batches import STARTS
from tests.e2e.clickhouse_server import Warehouse
from tests.unit.destinations.rows import block, prepared

__all__ = [
    "ANYONE",
    "DAY",
    "MINUTE",
    "NOON",
    "Log",
    "as_they_came",
    "event",
    "fact",
    "land_anyhow",
    "name_of",
    "some_moments",
    "visits_of",
]

MINUTE = 60_000_000
DAY = 86_400_000_000
NOON = 1_700_049_600_000_000
"""A noon in November 2023."""
ANYONE = uuid.UUID(int=7)


def name_of(distinct_id: str, start: int) -> str:
    """The derived visit of this distinct id of project 1 that begins then."""
    return session_id(f"1:{distinct_id}".encode(), start)


def event(number: int, timestamp: int, start: int | None = None, **said: Any) -> dict[str, Any]:
    """An event in the visit that began at `start`, in none (None), or in the one its sender names (`session`).

    Properties come as they are named: `url`, `referrer`, `campaign`.
    """
    names = {"url": "$current_url", "referrer": "$referrer", "campaign": "utm_campaign"}
    distinct_id, session = said.get("distinct_id", "ada"), said.get("session")
    return {
        "project": 1,
        "uuid": uuid.UUID(int=number).bytes,
        "event": said.get("event", "$pageview"),
        "distinct_id": distinct_id,
        "timestamp": timestamp,
        "properties": json.dumps({names[key]: value for key, value in said.items() if key in names}).encode(),
        "session_id": session or ("" if start is None else name_of(distinct_id, start)),
        "session_given": session is not None,
        "session_start": start or 0,
        "person_id": said.get("person", ANYONE).bytes,
        "person_identified": said.get("identified", False),
    }


def fact(start: int, dead: bool = False, distinct_id: str = "ada") -> dict[str, Any]:
    """What became of the start of a derived visit."""
    named = {"project": 1, "distinct_id": distinct_id, "session_id": name_of(distinct_id, start)}
    return named | {"start": start, "dead": dead}


class Log:
    """A partition that goes into ClickHouse: each message a block, and so an insert, of its own."""

    def __init__(self, warehouse: Warehouse, epoch: int = 0, first: int = 0) -> None:
        self._destination = warehouse.destination(epoch)
        self._offset = first

    def events(self, *events: dict[str, Any]) -> None:
        columns = {name: [one[name] for one in events] for name in events[0]}
        self._land(prepared(len(events), **columns), "events.prepared")

    def rows(self, topic: str, schema: pa.Schema, *rows: dict[str, Any]) -> None:
        self._land(pa.RecordBatch.from_pylist(list(rows), schema=schema), topic)

    def facts(self, *facts: dict[str, Any]) -> None:
        self.rows("session.starts", STARTS, *facts)

    def _land(self, batch: pa.RecordBatch, topic: str) -> None:
        self._offset += 1
        assert self._destination.insert(block(batch, first=self._offset, topic=topic)).rejected == {}


def some_moments(chance: Random) -> list[int]:
    """When one distinct id sends events: often just within or just beyond the gap of half an hour."""
    steps = [0, 1, MINUTE, 29 * MINUTE, 30 * MINUTE, 30 * MINUTE + 1, 31 * MINUTE, 60 * MINUTE, 3 * 60 * MINUTE]
    moments = [NOON + chance.randrange(20) * DAY]
    for _ in range(chance.randrange(9)):
        moments.append(moments[-1] + chance.choice(steps))
    return moments


def visits_of(distinct_id: str, moments: Sequence[int], rules: SessionRules) -> dict[str, tuple[int, int, int]]:
    """The visits of all events at once: how many events, from when, until when."""
    visits: list[list[int]] = []
    for moment in sorted(moments):
        if visits and moment - visits[-1][-1] <= rules.gap_s * 1_000_000:
            visits[-1].append(moment)
        else:
            visits.append([moment])
    return {name_of(distinct_id, visit[0]): (len(visit), visit[0], visit[-1]) for visit in visits}


def as_they_came(
    distinct_id: str, moments: Sequence[int], rules: SessionRules
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The events that come in this order, stamped as resolve stamps them, and the facts that it tells."""
    state, events, facts = b"", [], []
    for number, moment in enumerate(moments):
        state, start, changed = place(state, moment, rules)
        stamped = uuid.uuid5(uuid.NAMESPACE_OID, f"{distinct_id} {number}").int
        events.append(event(stamped, moment, None if start == LATE else start, distinct_id=distinct_id))
        facts += [fact(one.start, one.dead, distinct_id) for one in changed]
    return events, facts


def land_anyhow(
    warehouse: Warehouse, chance: Random, events: Sequence[dict[str, Any]], facts: Sequence[dict[str, Any]]
) -> None:
    """All of them in any order, many of them again, in a few inserts."""
    log = Log(warehouse)
    pieces = [(log.events, events), (log.facts, facts)] * 3
    for land, rows in chance.sample(pieces, len(pieces)):
        land(*chance.sample(rows, len(rows) // 2))
    log.events(*events)
    log.facts(*facts)
