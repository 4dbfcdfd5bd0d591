"""Visits as ClickHouse adds them up: the same whatever comes twice, late, or in another order."""

import itertools
import random
import uuid
from typing import Any

import pytest

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

SHORT = "SELECT session_id, events FROM sessions_current ORDER BY start, session_id"


def test_a_visit_is_told_from_its_first_event_to_its_last(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    said = {"url": "https://a.example/in?utm_campaign=spring%20sale", "referrer": "https://search.example/"}
    log.events(
        event(1, NOON, NOON, event="boot"),
        event(2, NOON + 2_900_000, NOON, **said),
        event(3, NOON + 3 * MINUTE, NOON, url="https://a.example/out", person=uuid.UUID(int=9)),
    )
    log.facts(fact(NOON))

    columns = "session_id, events, pageviews, entry_url, exit_url, referrer, campaign, bounce, long, duration_s, given"
    [told] = warehouse.ask(f"SELECT {columns}, person_id, distinct_id, distinct_ids FROM sessions_current")
    where = (said["url"], "https://a.example/out", said["referrer"], "spring sale")
    assert told == (name_of("ada", NOON), 3, 2, *where, 0, 0, 180, False, uuid.UUID(int=9), "ada", ["ada"])
    moments = "SELECT toUnixTimestamp64Micro(start), toUnixTimestamp64Micro(end) FROM sessions_current"
    assert warehouse.ask(moments) == [(NOON, NOON + 3 * MINUTE)]


@pytest.mark.parametrize(
    ("last", "duration_s", "bounce", "long"),
    [
        (None, 0, 1, 0),
        (NOON + 1_099_999, 0, 0, 0),
        (NOON + 100_000 + DAY, 86_400, 0, 0),
        (NOON + 2 * DAY, 172_799, 0, 1),
    ],
)
def test_one_event_is_a_bounce_and_more_than_a_day_is_long(
    warehouse: Warehouse, last: int | None, duration_s: int, bounce: int, long: int
) -> None:
    start = NOON + 100_001
    events = [event(1, start, start)] + ([event(2, last + 1, start)] if last else [])

    Log(warehouse).events(*events)

    found = warehouse.ask("SELECT duration_s, bounce, long FROM sessions_current")
    assert found == [(duration_s, bounce, long)]


@pytest.mark.parametrize(
    ("names", "pageviews", "bounce"),
    [
        (["$pageview", "$pageleave"], 1, 1),
        (["$pageview", "signed up", "$pageleave"], 1, 1),
        (["$pageview", "$pageview"], 2, 0),
        (["request"], 0, 1),
        (["request", "request"], 0, 0),
    ],
)
def test_one_page_view_is_a_bounce_whatever_else_is_sent(
    warehouse: Warehouse, names: list[str], pageviews: int, bounce: int
) -> None:
    Log(warehouse).events(*[event(number, NOON + number, NOON, event=name) for number, name in enumerate(names, 1)])

    assert warehouse.ask("SELECT pageviews, bounce FROM sessions_current") == [(pageviews, bounce)]


def test_the_campaign_that_is_said_goes_before_the_one_in_the_address(warehouse: Warehouse) -> None:
    address = "https://a.example/?utm_campaign=address"
    Log(warehouse).events(
        event(1, NOON, NOON, distinct_id="a", url=address, campaign="said"),
        event(2, NOON, NOON, distinct_id="b", url=address, campaign=""),
        event(3, NOON, NOON, distinct_id="c", url=address, campaign=5),
        event(4, NOON, NOON, distinct_id="d", url=address),
    )

    found = warehouse.ask("SELECT campaign FROM sessions_current ORDER BY distinct_id")
    assert [campaign for (campaign,) in found] == ["said", "", "5", "address"]


def test_properties_that_are_no_json_object_cost_a_visit_nothing_but_its_pages(warehouse: Warehouse) -> None:
    broken = event(1, NOON, NOON) | {"properties": b'{"$current_url":'}
    odd = event(2, NOON + 1, NOON) | {"properties": b'{"$current_url":["a"],"$referrer":{},"utm_campaign":null}'}

    Log(warehouse).events(broken, odd)

    assert warehouse.ask("SELECT events, entry_url, campaign FROM sessions_current") == [(2, '["a"]', "")]


def test_of_events_at_the_same_time_the_uuid_as_text_decides(warehouse: Warehouse) -> None:
    low, high = "00000000-0000-0001-ffff-000000000000", "00000000-0000-0002-0000-000000000000"
    log = Log(warehouse)
    for text, url in ((high, "last"), (low, "first")):
        log.events(event(uuid.UUID(text).int, NOON, NOON, url=url))

    assert warehouse.ask("SELECT entry_url, exit_url, events FROM sessions_current") == [("first", "last", 2)]


def test_events_that_come_again_change_nothing(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    events = [event(number, NOON + number * MINUTE, NOON + MINUTE, url=f"/{number}") for number in range(1, 6)]
    log.facts(fact(NOON + MINUTE))

    for some in (events, events[2:], events[::-1], events[:1], [*events, *events]):
        log.events(*some)
    before = warehouse.ask("SELECT * FROM sessions_current")
    warehouse.run("OPTIMIZE TABLE sessions FINAL", "OPTIMIZE TABLE events FINAL")

    assert before == warehouse.ask("SELECT * FROM sessions_current")
    found = warehouse.ask("SELECT events, pageviews, entry_url, exit_url FROM sessions_current")
    assert found == [(5, 5, "/1", "/5")]


MOVED = [fact(NOON), fact(NOON, dead=True), fact(NOON - 5 * MINUTE)]


@pytest.mark.parametrize("order", list(itertools.permutations(MOVED)))
def test_a_start_that_moved_takes_its_events_along_whenever_it_is_told(
    warehouse: Warehouse, order: list[dict[str, Any]]
) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON, NOON, url="/second"))
    for said in order:
        log.facts(said)
    log.events(event(2, NOON - 5 * MINUTE, NOON - 5 * MINUTE, url="/first"))

    visit = name_of("ada", NOON - 5 * MINUTE)
    found = warehouse.ask("SELECT session_id, events, entry_url, duration_s FROM sessions_current")
    assert found == [(visit, 2, "/first", 300)]
    resolved = "SELECT DISTINCT session_id, toUnixTimestamp64Micro(session_start) FROM events_resolved"
    assert warehouse.ask(resolved) == [(visit, NOON - 5 * MINUTE)]


JOINED = [fact(NOON), fact(NOON + 40 * MINUTE), fact(NOON + 40 * MINUTE, dead=True), fact(NOON + 90 * MINUTE)]


@pytest.mark.parametrize("order", list(itertools.permutations(JOINED))[::3])
def test_visits_that_were_joined_are_one_whenever_it_is_told(warehouse: Warehouse, order: list[dict[str, Any]]) -> None:
    log = Log(warehouse)
    for number, (minutes, start) in enumerate([(0, 0), (40, 40), (90, 90), (20, 0), (45, 0)]):
        log.events(event(number + 1, NOON + minutes * MINUTE, NOON + start * MINUTE))
    for said in order:
        log.facts(said)

    later = name_of("ada", NOON + 90 * MINUTE)
    assert warehouse.ask(SHORT) == [(name_of("ada", NOON), 4), (later, 1)]
    assert sorted(warehouse.ask("SELECT session_id, count() FROM events_resolved GROUP BY session_id")) == sorted(
        warehouse.ask(SHORT)
    )


def test_dead_starts_of_one_distinct_id_leave_another_alone(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON, NOON), event(2, NOON, NOON, distinct_id="bob"))
    log.facts(fact(NOON, dead=True), fact(NOON - 1), fact(NOON, distinct_id="bob"), fact(NOON - 1, distinct_id="bob"))

    found = warehouse.ask("SELECT session_id FROM sessions_current ORDER BY distinct_id")
    assert found == [(name_of("ada", NOON - 1),), (name_of("bob", NOON),)]


def test_a_visit_its_sender_names_is_taken_as_it_is(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.facts(fact(0, dead=True), fact(-1), fact(NOON))
    log.events(
        event(1, NOON, session="mine"),
        event(2, NOON + 5 * DAY, session="mine", distinct_id="bob"),
        event(3, NOON, session="other"),
        event(4, NOON + 1, NOON),
    )

    found = warehouse.ask("SELECT session_id, given, events, distinct_ids FROM sessions_current ORDER BY start, events")
    derived = (name_of("ada", NOON), False, 1, ["ada"])
    assert found == [("other", True, 1, ["ada"]), ("mine", True, 2, ["ada", "bob"]), derived]
    named = "SELECT DISTINCT session_id FROM events_resolved WHERE session_given ORDER BY session_id"
    assert warehouse.ask(named) == [("mine",), ("other",)]


@pytest.mark.parametrize("order", [("ada", "bob"), ("bob", "ada")])
def test_a_uuid_sent_by_two_distinct_ids_is_two_events(warehouse: Warehouse, order: tuple[str, str]) -> None:
    log = Log(warehouse)
    for name in (*order, *order):
        log.events(event(1, NOON, session="mine", distinct_id=name, url=f"/{name}"))

    found = warehouse.ask("SELECT events, pageviews, entry_url, exit_url, distinct_id FROM sessions_current")
    assert found == [(2, 2, "/ada", "/bob", "bob")]
    assert warehouse.one("SELECT count() FROM events_resolved") == 2


@pytest.mark.parametrize("late_first", [True, False])
def test_a_copy_of_an_event_with_a_visit_beats_one_without(warehouse: Warehouse, late_first: bool) -> None:
    log = Log(warehouse)
    for start in (None, NOON) if late_first else (NOON, None):
        log.events(event(1, NOON, start), event(2, NOON + 1, None))

    found = warehouse.ask("SELECT session_id FROM events_resolved ORDER BY timestamp")
    assert found == [(name_of("ada", NOON),), ("",)]
    assert warehouse.ask(SHORT) == [(name_of("ada", NOON), 1)]


def test_any_history_gives_the_visits_of_all_its_events_at_once(warehouse: Warehouse) -> None:
    chance, rules = random.Random(8), SessionRules()
    expected: dict[str, tuple[int, int, int]] = {}
    events, facts = [], []
    for history in range(300):
        moments = some_moments(chance)
        expected.update(visits_of(f"id {history}", moments, rules))
        some_events, some_facts = as_they_came(f"id {history}", chance.sample(moments, len(moments)), rules)
        events += some_events
        facts += some_facts

    land_anyhow(warehouse, chance, events, facts)

    columns = "session_id, events, toUnixTimestamp64Micro(start), toUnixTimestamp64Micro(end)"
    assert {name: tuple(rest) for name, *rest in warehouse.ask(f"SELECT {columns} FROM sessions_current")} == expected
    columns = "session_id, count(), toUnixTimestamp64Micro(min(timestamp)), toUnixTimestamp64Micro(max(timestamp))"
    resolved = warehouse.ask(f"SELECT {columns} FROM events_resolved GROUP BY session_id")
    assert {name: tuple(rest) for name, *rest in resolved} == expected
