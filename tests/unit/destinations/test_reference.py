"""What docs/tables.md tells is taken from the DDL."""

import pytest

from destinations.clickhouse.reference import Column, tables


def test_every_table_and_view_is_on_it() -> None:
    found = {(table.kind, table.name) for table in tables()}

    assert found == {
        ("table", "events"),
        ("view", "events_resolved"),
        ("view", "usage_daily"),
        ("table", "rejected_events"),
        ("table", "accounts"),
        ("table", "session_starts"),
        ("table", "sessions"),
        ("view", "sessions_from_events"),
        ("view", "session_moves"),
        ("view", "sessions_current"),
        ("table", "persons"),
        ("view", "persons_current"),
        ("table", "person_distinct_id_overrides"),
        ("view", "person_distinct_ids"),
        ("table", "ingestion_warnings"),
        ("table", "schema_migrations"),
    }


def test_a_column_that_a_later_migration_adds_or_changes_stands_where_it_belongs() -> None:
    columns = {column.name: column for column in tables()[0].columns}
    names = list(columns)

    assert names[names.index("session_id") + 1] == "session_given"
    assert columns["session_start"].meaning == "When the derived visit began, as known then"
    assert columns["_version"].type == "UInt128"


@pytest.mark.parametrize(
    "name", ["events_resolved", "persons_current", "person_distinct_ids", "sessions_current", "session_moves"]
)
def test_the_columns_of_a_view_that_analysts_read_are_told(name: str) -> None:
    [view] = [table for table in tables() if table.name == name]

    assert "project" in [column.name for column in view.columns]
    assert all(column.meaning for column in view.columns)


def test_a_column_is_told_with_its_type_and_meaning() -> None:
    events = tables()[0]

    assert events.columns[0] == Column("uuid", "UUID", "The event's identity within its project and distinct id")
    assert (events.columns[-1].name, events.columns[-1].type) == ("_inserted_at", "DateTime64(3, 'UTC')")
    assert events.partition == "toYYYYMM(timestamp)"
    assert events.key == "project, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid)"
