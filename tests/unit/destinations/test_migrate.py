"""DDL: the same files for one server and for a cluster."""

import hashlib

import pytest

from destinations.clickhouse import Config
from destinations.clickhouse.migrate import migrations, preparation, render, versions_query

ONE = Config(database="d")
CLUSTER = Config(database="d", cluster="main")
APPLIED = {
    1: "684f4bc4489dfd40fa54a408598d2433645ecdce708953e67ad814d5ea7731dd",
    2: "6708a8e9a3b0520d52aa5b6e49c1b96666abcab2e50fd2716450efefcf1494bc",
    3: "93f2e153d5dde0f44d39c612466fcb436d490a2c99f472222241bb4f9aa1d5f1",
}
"""Digests of migrations that databases out there have applied: what is to be different is a migration of its own."""
FILLED = 8
"""Tables that rows are inserted into, by blocks or by a view."""


def ddl(config: Config) -> list[str]:
    return [*preparation(config), *(text for migration in migrations() for text in render(migration, config))]


def test_the_tables_of_one_server_are_plain_and_remember_tokens() -> None:
    text = "\n".join(ddl(ONE))

    assert "Replicated" not in text
    assert "ON CLUSTER" not in text
    assert text.count("non_replicated_deduplication_window = 10000") == FILLED
    assert "{" not in text


def test_on_a_cluster_every_table_is_replicated_and_has_a_distributed_one_over_it() -> None:
    text = "\n".join(ddl(CLUSTER))

    assert text.count("ENGINE = Replicated") == FILLED + 1  # and the table of migrations
    assert text.count("MergeTree") == text.count("ENGINE = Replicated")
    assert text.count("replicated_deduplication_window = 10000") == FILLED
    assert text.count("ENGINE = Distributed('main', 'd', '") == FILLED
    assert text.index("events_local") < text.index("Distributed") < text.index("VIEW `d`.events_resolved")


def test_every_statement_for_a_cluster_runs_on_all_of_it() -> None:
    assert all(" ON CLUSTER 'main'" in statement.split("\n")[0] for statement in ddl(CLUSTER))


def test_a_distributed_table_is_rendered_like_this() -> None:
    [statement] = [text for text in ddl(CLUSTER) if "Distributed" in text and ".events " in text]

    assert statement == (
        "CREATE TABLE IF NOT EXISTS `d`.events ON CLUSTER 'main' AS `d`.events_local "
        "ENGINE = Distributed('main', 'd', 'events_local', cityHash64(project, distinct_id))"
    )


def test_views_read_the_distributed_tables() -> None:
    views = [text for text in ddl(CLUSTER) if text.startswith("CREATE OR REPLACE VIEW")]

    assert len(views) > 2
    assert not [view for view in views if "_local" in view]


def test_what_was_applied_is_asked_of_every_node() -> None:
    assert versions_query(ONE) == "SELECT DISTINCT version FROM `d`.schema_migrations"
    assert versions_query(CLUSTER) == ("SELECT DISTINCT version FROM clusterAllReplicas('main', `d`.schema_migrations)")


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.parametrize("version", APPLIED)
def test_a_migration_that_was_applied_somewhere_stays_as_it_is(version: int) -> None:
    [text] = [migration.text for migration in migrations() if migration.version == version]

    assert hashlib.sha256(text.encode()).hexdigest() == APPLIED[version]


def test_a_table_is_altered_together_with_the_distributed_one_over_it() -> None:
    def of(table: str) -> list[str]:
        start = f"ALTER TABLE `d`.{table} ON CLUSTER 'main'\n"
        return [text.removeprefix(start) for text in ddl(CLUSTER) if text.startswith(start)]

    assert of("events_local") == of("events") != []


def test_the_password_shows_in_no_text() -> None:
    config = Config(password="s3cret", cluster="main")

    assert "s3cret" not in f"{config!r} {config} {ddl(config)}"
