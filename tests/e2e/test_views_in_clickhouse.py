"""The views say the same whatever settings a client has, and whichever version made the tables they read."""

import time
import uuid

import pytest

from destinations.clickhouse.migrate import migrate, migrations, preparation, render
from schemas.batches import MAPPINGS, PERSONS
from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.visits import MINUTE, NOON, Log, event, fact, name_of
from tests.unit.destinations.rows import block, prepared

pytestmark = pytest.mark.e2e

GRACE = uuid.UUID(int=10)
VIEWS = [
    "events_resolved",
    "usage_daily",
    "persons_current",
    "person_distinct_ids",
    "session_moves",
    "sessions_current",
]
SETTINGS = [
    "join_use_nulls = 1",
    "prefer_column_name_to_alias = 1",
    "join_use_nulls = 1, prefer_column_name_to_alias = 1",
]


def filled(warehouse: Warehouse) -> None:
    """Ada is Grace and her visit began earlier than was known; nothing is known of Bob's; Eve names hers."""
    log = Log(warehouse)
    log.events(event(1, NOON, NOON, url="/a"), event(2, NOON + 1, NOON + 1, distinct_id="bob"))
    log.events(event(3, NOON, session="named", distinct_id="eve"), event(4, NOON - MINUTE, NOON - MINUTE))
    log.facts(fact(NOON), fact(NOON, dead=True), fact(NOON - MINUTE), fact(NOON + 1, distinct_id="bob"))
    person = {"project": 1, "person_id": GRACE.bytes, "version": 1, "created_at": NOON, "identified": True}
    log.rows("persons", PERSONS, person | {"is_deleted": False, "properties": b"{}", "distinct_ids": ["ada"]})
    mapping = {"project": 1, "distinct_id": "ada", "person_id": GRACE.bytes, "identified": True, "version": 1}
    log.rows("identity.mappings", MAPPINGS, mapping)


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_view_says_the_same_under_the_settings_of_any_client(warehouse: Warehouse, settings: str) -> None:
    filled(warehouse)

    for view in VIEWS:
        plain = warehouse.ask(f"SELECT * FROM {view} ORDER BY ALL")
        assert warehouse.ask(f"SELECT * FROM {view} ORDER BY ALL SETTINGS {settings}") == plain != []


def test_the_times_of_a_visit_have_the_type_of_times(warehouse: Warehouse) -> None:
    filled(warehouse)

    found = warehouse.ask("SELECT DISTINCT toTypeName(start), toTypeName(end) FROM sessions_current")
    assert found == [("DateTime64(6, 'UTC')", "DateTime64(6, 'UTC')")]


@pytest.fixture
def older(warehouse: Warehouse) -> Warehouse:
    """A database as the first three migrations leave it, with an event that has no visit."""
    warehouse.run(f"DROP DATABASE `{warehouse.config.database}` SYNC")
    first = migrations()[:3]
    warehouse.client.database = None
    for statement in [
        *preparation(warehouse.config),
        *(text for each in first for text in render(each, warehouse.config)),
    ]:
        warehouse.run(statement)
    warehouse.client.database = warehouse.config.database
    for each in first:
        warehouse.run(f"INSERT INTO schema_migrations (version, name) VALUES ({each.version}, '{each.name}')")
    values = f"toUUID('{uuid.UUID(int=1)}'), 1, '$pageview', 'ada', fromUnixTimestamp64Micro({NOON}, 'UTC')"
    warehouse.run(f"INSERT INTO events (uuid, project, event, distinct_id, timestamp) VALUES ({values})")
    return warehouse


def test_a_database_of_an_earlier_version_is_brought_up_to_date(older: Warehouse) -> None:
    fresh = Warehouse(older.config.url)

    assert [migration.version for migration in migrate(older.config)] == [4, 5, 6]
    Log(older).events(event(2, NOON + 1, NOON), event(3, NOON, session="named"))

    found = older.ask("SELECT session_id, session_given FROM events_resolved ORDER BY uuid")
    assert found == [("", False), (name_of("ada", NOON), False), ("named", True)]
    assert sorted(older.ask("SELECT session_id, events FROM sessions_current")) == sorted(
        [(name_of("ada", NOON), 1), ("named", 1)]
    )
    columns = (
        "SELECT table, name, position, type, default_expression, comment, compression_codec FROM system.columns "
        "WHERE database = currentDatabase() ORDER BY table, position"
    )
    assert older.ask(columns) == fresh.ask(columns)


def test_a_row_of_an_earlier_version_gives_way_to_a_copy_with_a_visit(older: Warehouse) -> None:
    migrate(older.config)
    done = "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND NOT is_done"
    while older.one(done):
        time.sleep(0.05)

    Log(older, first=9).events(event(1, NOON, NOON))

    assert older.ask("SELECT session_id FROM events_resolved") == [(name_of("ada", NOON),)]


def test_what_a_worker_of_an_earlier_version_inserts_is_taken(warehouse: Warehouse) -> None:
    rows = prepared(1)

    assert warehouse.destination().insert(block(rows.drop_columns(["session_given"]))).rejected == {}
