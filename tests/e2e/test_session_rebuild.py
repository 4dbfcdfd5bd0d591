"""Visits worked out again from the events in ClickHouse: as if every event had come in time."""

import random
from typing import Any

import pytest

from pipeline.session_rebuild import Period, Rebuilt, rebuild
from pipeline.sessions import SessionRules
from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.visits import (
    DAY,
    MINUTE,
    NOON,
    Log,
    as_they_came,
    event,
    fact,
    land_anyhow,
    name_of,
    some_moments,
    visits_of,
)

pytestmark = pytest.mark.e2e

RULES = SessionRules()
ALWAYS = (-(1 << 60), 1 << 60)
NOTHING = (0, 0, 0)


def rebuilt(warehouse: Warehouse, since: int = ALWAYS[0], until: int = ALWAYS[1], **options: Any) -> Rebuilt:
    plan = {"dry_run": False, "progress": lambda *told: None, **options}
    return rebuild(warehouse.client, Period(1, since, until), RULES, **plan)


def changed(found: Rebuilt) -> tuple[int, int, int]:
    return found.stamped, found.begun, found.joined


def visits(warehouse: Warehouse) -> dict[str, tuple[int, int, int]]:
    """The visits as both views tell them, which must agree."""
    columns = "session_id, events, toUnixTimestamp64Micro(start), toUnixTimestamp64Micro(end)"
    current = {name: tuple(rest) for name, *rest in warehouse.ask(f"SELECT {columns} FROM sessions_current")}
    columns = "session_id, count(), toUnixTimestamp64Micro(min(timestamp)), toUnixTimestamp64Micro(max(timestamp))"
    resolved = warehouse.ask(f"SELECT {columns} FROM events_resolved WHERE session_id != '' GROUP BY session_id")
    assert {name: tuple(rest) for name, *rest in resolved} == current
    return current


def test_history_without_visits_gets_them_and_again_changes_nothing(warehouse: Warehouse) -> None:
    moments = [NOON, NOON + 30 * MINUTE, NOON + 61 * MINUTE]
    Log(warehouse).events(*(event(number, moment) for number, moment in enumerate(moments, start=1)))

    first, again = rebuilt(warehouse), rebuilt(warehouse)

    assert (changed(first), changed(again)) == ((3, 2, 0), NOTHING)
    assert (first.events, first.visits) == (3, 2)
    assert visits(warehouse) == visits_of("ada", moments, RULES)


@pytest.mark.parametrize("events_at_once", [100, 500_000])
def test_whatever_came_late_the_visits_are_those_of_all_events_at_once(
    warehouse: Warehouse, events_at_once: int
) -> None:
    chance, strict = random.Random(4), SessionRules(lateness_s=3_600)
    expected: dict[str, tuple[int, int, int]] = {}
    events, facts = [], []
    for history in range(200):
        name, moments = f"id\t{history}\n'\\ü", some_moments(chance)
        expected.update(visits_of(name, moments, RULES))
        some_events, some_facts = as_they_came(name, chance.sample(moments, len(moments)), strict)
        events += some_events
        facts += some_facts
    land_anyhow(warehouse, chance, events, facts)
    assert visits(warehouse) != expected

    told = rebuilt(warehouse, dry_run=True)
    first, again = (rebuilt(warehouse, events_at_once=events_at_once) for _ in range(2))

    assert visits(warehouse) == expected
    assert (changed(told), changed(again)) == (changed(first), NOTHING)
    assert min(changed(first)) > 10


def test_a_dry_run_writes_nothing(warehouse: Warehouse) -> None:
    Log(warehouse).events(event(1, NOON))

    assert changed(rebuilt(warehouse, dry_run=True)) == (1, 1, 0)
    assert warehouse.ask("SELECT (SELECT count() FROM session_starts), (SELECT count() FROM events)") == [(0, 1)]


@pytest.mark.parametrize("where", [0, 1, 120, 300, 601])
def test_a_visit_that_reaches_beyond_the_period_is_taken_whole(warehouse: Warehouse, where: int) -> None:
    chain = [NOON + number * 29 * MINUTE for number in range(300)]
    apart = [chain[0] - 31 * MINUTE, chain[-1] + 31 * MINUTE]
    Log(warehouse).events(*(event(number, moment) for number, moment in enumerate([*chain, *apart], start=1)))
    since = NOON + where * 14 * MINUTE

    found = rebuilt(warehouse, since, since + MINUTE * 29)

    assert found.events == 1
    assert visits(warehouse) == visits_of("ada", chain, RULES)


def test_more_ids_reach_beyond_the_period_than_one_request_can_name(warehouse: Warehouse) -> None:
    names = [f"{number:04}{chr(39) * 190}" for number in range(800)]
    moments = [NOON, NOON + 20 * MINUTE]
    numbered = enumerate((name, moment) for name in names for moment in moments)
    Log(warehouse).events(*(event(number, moment, distinct_id=name) for number, (name, moment) in numbered))

    assert changed(rebuilt(warehouse, NOON, NOON + MINUTE)) == (1_600, 800, 0)


def test_what_lies_before_and_after_a_period_is_left_as_it_was(warehouse: Warehouse) -> None:
    moments = [NOON - DAY, NOON, NOON + DAY]
    log = Log(warehouse)
    log.events(*(event(number, moment) for number, moment in enumerate(moments, start=1)))
    log.events(event(9, NOON + DAY + 1, NOON + DAY + 1))
    log.facts(fact(NOON + DAY + 1))

    assert changed(rebuilt(warehouse, NOON - 5, NOON + 5)) == (1, 1, 0)

    expected = visits_of("ada", [NOON], RULES) | visits_of("ada", [NOON + DAY + 1], RULES)
    assert visits(warehouse) == expected


def test_visits_that_history_bridges_become_one(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    told = [NOON, NOON + 50 * MINUTE]
    log.events(*(event(number, moment, moment) for number, moment in enumerate(told)))
    log.facts(*map(fact, told))
    log.events(event(5, NOON - MINUTE), event(6, NOON + 25 * MINUTE))

    assert changed(rebuilt(warehouse, NOON + 25 * MINUTE, NOON + 25 * MINUTE + 1)) == (2, 1, 2)

    whole = [NOON - MINUTE, NOON, NOON + 25 * MINUTE, NOON + 50 * MINUTE]
    assert visits(warehouse) == visits_of("ada", whole, RULES)


def test_visits_that_senders_named_are_left_alone(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON, session="mine"), event(2, NOON + 20 * MINUTE), event(3, NOON + 40 * MINUTE, session="x"))
    log.events(event(4, NOON + 60 * MINUTE))

    rebuilt(warehouse)

    alone = visits_of("ada", [NOON + 20 * MINUTE], RULES) | visits_of("ada", [NOON + 60 * MINUTE], RULES)
    named = {"mine": (1, NOON, NOON), "x": (1, NOON + 40 * MINUTE, NOON + 40 * MINUTE)}
    assert visits(warehouse) == alone | named


def test_a_visit_keeps_its_beginning_when_the_event_that_began_it_is_gone(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON + 40 * MINUTE, NOON), event(2, NOON + 20 * MINUTE))
    log.facts(fact(NOON))

    assert changed(rebuilt(warehouse)) == (1, 0, 0)

    assert visits(warehouse) == {name_of("ada", NOON): (2, NOON + 20 * MINUTE, NOON + 40 * MINUTE)}


def test_another_project_is_left_alone(warehouse: Warehouse) -> None:
    Log(warehouse).events(event(1, NOON) | {"project": 2}, event(2, NOON))

    rebuilt(warehouse)

    assert warehouse.ask("SELECT project FROM sessions_current") == [(1,)]
    assert warehouse.ask("SELECT project, session_id = '' FROM events_resolved ORDER BY project") == [(1, 0), (2, 1)]


def test_a_run_that_dies_before_its_last_insert_is_completed_by_the_next(warehouse: Warehouse) -> None:
    Log(warehouse).events(event(1, NOON, url="/in"), event(2, NOON + 1))
    warehouse.run("ALTER TABLE events ADD CONSTRAINT full CHECK session_id = ''")
    with pytest.raises(Exception, match="VIOLATED_CONSTRAINT"):
        rebuilt(warehouse)
    warehouse.run("ALTER TABLE events DROP CONSTRAINT full")

    rebuilt(warehouse)

    assert visits(warehouse) == visits_of("ada", [NOON, NOON + 1], RULES)


def test_many_years_and_columns_of_ones_own_go_through(warehouse: Warehouse) -> None:
    moments = [NOON - number * 31 * DAY for number in range(150)]
    warehouse.run(
        "ALTER TABLE events ADD COLUMN page String MATERIALIZED JSONExtractString(properties, '$current_url')",
        "ALTER TABLE events ADD COLUMN note String DEFAULT 'none'",
    )
    log = Log(warehouse)
    for start in (0, 75):
        log.events(*(event(number, moments[number], url="/a") for number in range(start, start + 75)))
    warehouse.run("ALTER TABLE events UPDATE note = 'kept' WHERE 1 SETTINGS mutations_sync = 2")

    rebuilt(warehouse)

    assert visits(warehouse) == visits_of("ada", moments, RULES)
    found = warehouse.ask("SELECT DISTINCT page, note, session_id != '' FROM events FINAL")
    assert found == [("/a", "kept", 1)]


def test_a_project_or_a_period_without_events_has_nothing_to_rebuild(warehouse: Warehouse) -> None:
    assert rebuilt(warehouse) == Rebuilt()

    Log(warehouse).events(event(1, NOON), event(2, NOON, session="mine"))

    assert rebuilt(warehouse, NOON + 1) == rebuilt(warehouse, until=NOON) == Rebuilt()
