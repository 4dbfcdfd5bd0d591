"""People as ClickHouse knows them: the highest version counts, in whatever order the rows arrive."""

import itertools
import uuid
from typing import Any

import pytest

from schemas.batches import MAPPINGS, PERSONS, WARNINGS
from schemas.identifiers import person_id
from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.visits import ANYONE, NOON, Log, event, fact, name_of

pytestmark = pytest.mark.e2e

GRACE, HEDY = uuid.UUID(int=10), uuid.UUID(int=11)
ADA = uuid.UUID(bytes=person_id(1, "ada"))
"""The person that the distinct id ada is by itself."""
WHO = "SELECT person_id, person_identified FROM events_resolved ORDER BY timestamp"


def mapping(version: int, person: uuid.UUID, distinct_id: str = "ada", identified: bool = True) -> dict[str, Any]:
    said = {"project": 1, "distinct_id": distinct_id, "person_id": person.bytes}
    return said | {"identified": identified, "version": version}


def person(version: int, who: uuid.UUID = GRACE, **changes: Any) -> dict[str, Any]:
    plain = {"project": 1, "person_id": who.bytes, "version": version, "created_at": NOON, "identified": True}
    return plain | {"is_deleted": False, "properties": b"{}", "distinct_ids": ["ada"]} | changes


def warning(number: int, code: str = "already_identified", message: str = "no") -> dict[str, Any]:
    event_uuid = uuid.UUID(int=number).bytes
    said = {"project": 1, "distinct_id": "ada", "code": code, "message": message}
    return said | {"event_uuid": event_uuid, "timestamp": NOON}


def test_what_an_event_was_stamped_with_counts_where_nothing_newer_is_known(warehouse: Warehouse) -> None:
    Log(warehouse).events(event(1, NOON, person=HEDY, identified=True), event(2, NOON + 1, person=ADA))

    assert warehouse.ask(WHO) == [(HEDY, True), (ADA, False)]


MAPPED = [mapping(0, HEDY, identified=False), mapping(4, ADA), mapping(12, GRACE)]


@pytest.mark.parametrize("order", list(itertools.permutations(MAPPED)))
def test_of_the_mappings_of_a_distinct_id_the_highest_version_counts(
    warehouse: Warehouse, order: list[dict[str, Any]]
) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON), event(2, NOON + 1, distinct_id="bob"))
    for said in order:
        log.rows("identity.mappings", MAPPINGS, said)

    assert warehouse.ask(WHO) == [(GRACE, True), (ANYONE, False)]
    warehouse.run("OPTIMIZE TABLE person_distinct_id_overrides FINAL")
    assert warehouse.ask(WHO) == [(GRACE, True), (ANYONE, False)]


def test_a_mapping_to_the_person_that_an_id_is_by_itself_counts_like_any_other(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON, person=GRACE, identified=True))
    log.rows("identity.mappings", MAPPINGS, mapping(3, GRACE))
    log.rows("identity.mappings", MAPPINGS, mapping(9, ADA, identified=False))

    assert warehouse.ask(WHO) == [(ADA, False)]


def test_a_later_epoch_counts_more_than_any_version_before_it(warehouse: Warehouse) -> None:
    Log(warehouse).events(event(1, NOON))
    Log(warehouse, epoch=1).rows("identity.mappings", MAPPINGS, mapping(0, GRACE))
    Log(warehouse, first=100).rows("identity.mappings", MAPPINGS, mapping(99, HEDY))

    assert warehouse.ask(WHO) == [(GRACE, True)]


def test_the_same_distinct_id_of_another_project_is_somebody_else(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON) | {"project": 2}, event(2, NOON + 1))
    log.rows("identity.mappings", MAPPINGS, mapping(1, GRACE))

    assert warehouse.ask(WHO) == [(ANYONE, False), (GRACE, True)]


def test_an_event_has_its_current_person_and_its_current_visit_at_once(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON, NOON), event(1, NOON, NOON), event(2, NOON + 1, NOON))
    log.facts(fact(NOON, dead=True), fact(NOON - 9))
    log.rows("identity.mappings", MAPPINGS, mapping(1, GRACE))

    found = warehouse.ask("SELECT person_id, session_id, count() FROM events_resolved GROUP BY ALL")
    assert found == [(GRACE, name_of("ada", NOON - 9), 2)]


def test_a_visit_belongs_to_the_person_its_latest_distinct_id_is_now(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.events(event(1, NOON, session="s"), event(2, NOON + 1, session="s", distinct_id="bob"))
    log.events(event(3, NOON, session="t", distinct_id="eve"))
    log.rows("identity.mappings", MAPPINGS, mapping(1, GRACE, "bob"), mapping(1, HEDY))

    found = warehouse.ask("SELECT session_id, person_id, distinct_id FROM sessions_current ORDER BY session_id")
    assert found == [("s", GRACE, "bob"), ("t", ANYONE, "eve")]


SNAPSHOTS = [person(1), person(5, is_deleted=True, distinct_ids=[]), person(7, properties=b'{"a":1}')]
PEOPLE = "SELECT person_id, properties, distinct_ids FROM persons_current"


@pytest.mark.parametrize("order", list(itertools.permutations(SNAPSHOTS)))
def test_a_deleted_person_comes_back_with_a_higher_version(warehouse: Warehouse, order: list[dict[str, Any]]) -> None:
    log = Log(warehouse)
    for said in order:
        log.rows("persons", PERSONS, said)

    assert warehouse.ask(PEOPLE) == [(GRACE, '{"a":1}', ["ada"])]


@pytest.mark.parametrize("order", list(itertools.permutations(SNAPSHOTS[:2])))
def test_a_deleted_person_is_hidden(warehouse: Warehouse, order: list[dict[str, Any]]) -> None:
    log = Log(warehouse)
    for said in order:
        log.rows("persons", PERSONS, said)

    assert warehouse.ask(PEOPLE) == []
    assert warehouse.ask("SELECT * FROM person_distinct_ids") == []


def test_every_distinct_id_stands_beside_its_person(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.rows("persons", PERSONS, person(1, distinct_ids=["ada", "old"]), person(2, HEDY, distinct_ids=["bob"]))
    log.rows("persons", PERSONS, person(3, distinct_ids=["ada", "amy"]), person(3, HEDY, distinct_ids=["bob", "old"]))

    found = warehouse.ask("SELECT project, distinct_id, person_id FROM person_distinct_ids ORDER BY distinct_id")
    assert found == [(1, "ada", GRACE), (1, "amy", GRACE), (1, "bob", HEDY), (1, "old", HEDY)]


def test_a_person_has_the_columns_that_were_sent(warehouse: Warehouse) -> None:
    Log(warehouse).rows("persons", PERSONS, person(1, identified=False, properties=b'{"name":"G\xc3\xb6del"}'))

    columns = "project, person_id, toUnixTimestamp64Micro(created_at), identified, properties, distinct_ids"
    found = warehouse.ask(f"SELECT {columns} FROM persons_current")
    assert found == [(1, GRACE, NOON, False, '{"name":"Gödel"}', ["ada"])]


def test_a_warning_that_comes_twice_is_there_once(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    for _ in range(2):
        log.rows("ingestion.warnings", WARNINGS, warning(1), warning(1, "split"), warning(2), warning(2, message="b"))

    found = warehouse.ask("SELECT code, message FROM ingestion_warnings FINAL ORDER BY event_uuid, code, message")
    assert found == [
        ("already_identified", "no"),
        ("split", "no"),
        ("already_identified", "b"),
        ("already_identified", "no"),
    ]
