"""What docs/tables.md tells is taken from the DDL."""

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


def test_a_column_is_told_with_its_type_and_meaning() -> None:
    events = tables()[0]

    assert events.columns[0] == Column("uuid", "UUID", "The event's identity within its project and distinct id")
    assert (events.columns[-1].name, events.columns[-1].type) == ("_inserted_at", "DateTime64(3, 'UTC')")
    assert events.partition == "toYYYYMM(timestamp)"
    assert events.key == "project, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid)"
