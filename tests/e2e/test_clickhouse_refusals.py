"""Rows that ClickHouse refuses: they are found one by one, the others land once, and a wrong table is noticed."""

from typing import Any

import pytest

from schemas.event import RejectionCode
from schemas.outcomes import Retry
from tests.e2e.clickhouse_server import Warehouse
from tests.unit.destinations.rows import block, month, prepared

pytestmark = pytest.mark.e2e


def named(*names: str) -> dict[str, list[Any]]:
    return {"event": list(names)}


NO_BAD = "ALTER TABLE events ADD CONSTRAINT no_bad CHECK NOT startsWith(event, 'bad')"


def test_rows_that_the_table_refuses_are_named_and_the_others_land(warehouse: Warehouse) -> None:
    warehouse.run(NO_BAD)
    warehouse.count_in_view("counted")
    sent = block(prepared(4, **named("a", "bad", "b", "c")), prepared(3, first=9, **named("bad", "d", "bad")), first=5)

    found = warehouse.destination().insert(sent).rejected

    assert sorted(found) == [(5, 1), (6, 0), (6, 2)]
    assert {rejection.code for rejection in found.values()} == {RejectionCode.REFUSED_BY_DESTINATION}
    assert "no_bad" in found[(5, 1)].message
    assert warehouse.ask("SELECT event FROM events ORDER BY event") == [("a",), ("b",), ("c",), ("d",)]
    assert warehouse.counted("counted") == 4


def test_a_block_with_refused_rows_sent_again_gives_the_same_and_lands_nothing_twice(warehouse: Warehouse) -> None:
    warehouse.run(NO_BAD)
    warehouse.count_in_view("counted")
    times = [month(600 + row % 3) for row in range(40)]
    sent = block(prepared(40, timestamp=times, event=["bad" if row in (3, 17, 38) else "good" for row in range(40)]))

    found = [warehouse.destination().insert(sent).rejected for _ in range(3)]

    assert [sorted(each) for each in found] == [[(0, 3), (0, 17), (0, 38)]] * 3
    assert (warehouse.one("SELECT count() FROM events"), warehouse.counted("counted")) == (37, 37)


def test_refused_rows_are_found_in_a_block_of_very_many_months(warehouse: Warehouse) -> None:
    warehouse.run(NO_BAD)
    names = ["bad" if row in (0, 149) else "good" for row in range(150)]
    sent = block(prepared(150, timestamp=[month(row) for row in range(150)], event=names))

    assert sorted(warehouse.destination().insert(sent).rejected) == [(0, 0), (0, 149)]
    assert warehouse.one("SELECT count() FROM events") == 148


def test_a_table_that_refuses_most_rows_holds_the_block_back_after_a_few(warehouse: Warehouse) -> None:
    warehouse.run("ALTER TABLE events ADD CONSTRAINT wrong CHECK event = 'never'")

    with pytest.raises(Retry, match="refuses more than 50% of 4000 rows of one block"):
        warehouse.destination().insert(block(prepared(4000)))


def test_a_view_that_fails_holds_the_block_back_and_is_completed_when_it_is_repaired(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE gate (shut UInt8) ENGINE = Memory", "INSERT INTO gate VALUES (1)")
    warehouse.count_in_view("counted")
    warehouse.count_in_view("gated", where="throwIf((SELECT count() FROM gate) > 0) = 0")
    sent = block(prepared(30, timestamp=[month(600 + row % 3) for row in range(30)]))

    with pytest.raises(Retry, match=r"the materialized view \S+\.gated_view fails: repair or drop it"):
        warehouse.destination().insert(sent)
    warehouse.run("TRUNCATE TABLE gate")
    assert warehouse.destination().insert(sent).rejected == {}

    assert warehouse.one("SELECT count() FROM events") == 30
    assert (warehouse.counted("counted"), warehouse.counted("gated")) == (30, 30)


def test_a_row_that_says_it_was_a_view_is_refused_all_the_same(warehouse: Warehouse) -> None:
    warehouse.run(NO_BAD)
    hostile = "bad while pushing to view x.y. (A) (version 1"

    found = warehouse.destination().insert(block(prepared(2, **named("good", hostile)))).rejected

    assert list(found) == [(0, 1)]
