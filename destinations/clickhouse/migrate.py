"""Tables and views, as numbered files applied in order, each once; applying them again changes nothing.

With a cluster configured the same files give replicated tables on every node and a distributed table over them.
"""

import re
from importlib.resources import files
from typing import Any

import msgspec

from destinations.clickhouse.config import Config
from destinations.clickhouse.connect import new_client
from destinations.clickhouse.errors import code_of

__all__ = ["Migration", "migrate", "migrations", "pending", "preparation", "render", "versions_query"]

_DATABASE = "CREATE DATABASE IF NOT EXISTS {database}{on_cluster}"
_VERSIONS = """CREATE TABLE IF NOT EXISTS {database}.schema_migrations{on_cluster}
(
    version UInt32 COMMENT 'The number of a migration that was applied',
    name String COMMENT 'Its name',
    applied_at DateTime64(3) DEFAULT now64(3) COMMENT 'When'
)
ENGINE = {replicated}MergeTree
ORDER BY version
COMMENT 'Which migrations were applied'"""
_DISTRIBUTED = re.compile(r"^-- distributed: (\w+) by (.+)$", re.MULTILINE)
_NOTHING_THERE_YET = {60, 81}
"""No such table, no such database."""


class Migration(msgspec.Struct, frozen=True):
    """One file of DDL."""

    version: int
    name: str
    text: str


def migrate(config: Config) -> list[Migration]:
    """Bring the database up to date and return what was applied. Two at once do each other no harm."""
    first = new_client(config, database="default")
    try:
        for statement in preparation(config):
            first.command(statement)
    finally:
        first.close()
    applied = pending(config)
    client = new_client(config)
    try:
        for migration in applied:
            for statement in render(migration, config):
                client.command(statement)
            row = [migration.version, migration.name]
            client.insert("schema_migrations", [row], column_names=["version", "name"])
    finally:
        client.close()
    return applied


def pending(config: Config) -> list[Migration]:
    """What `migrate` would apply. Changes nothing; where there is no database yet, everything is pending."""
    client = new_client(config, database="default")
    try:
        done = _applied(client, config)
    finally:
        client.close()
    return [migration for migration in migrations() if migration.version not in done]


def migrations() -> list[Migration]:
    """Every migration that comes with this version, in order."""
    found = list(files("destinations.clickhouse").joinpath("migrations").iterdir())
    named = sorted((file.name, file.read_text()) for file in found if file.name.endswith(".sql"))
    return [Migration(int(name[:4]), name[5:-4], text) for name, text in named]


def preparation(config: Config) -> list[str]:
    """The statements that come before every migration: the database, and the table of versions."""
    return [_fill(_DATABASE, config), _fill(_VERSIONS, config)]


def render(migration: Migration, config: Config) -> list[str]:
    """The statements of a migration for this configuration: tables first, then what reads them."""
    text = "\n".join(line for line in migration.text.splitlines() if not line.startswith("--"))
    statements = [part.strip().rstrip(";") for part in text.split(";\n") if part.strip(" ;\n")]
    rendered = [_fill(statement, config) for statement in statements]
    if not config.cluster:
        return rendered
    tables = [_distributed(table, key, config) for table, key in _DISTRIBUTED.findall(migration.text)]
    views = [statement for statement in rendered if " VIEW " in statement.split("\n")[0]]
    return [statement for statement in rendered if statement not in views] + tables + views


def versions_query(config: Config) -> str:
    """Asks which migrations were applied: of every node, for one row is written on the shard that was spoken to."""
    table = _fill("{database}.schema_migrations", config)
    if config.cluster:
        table = f"clusterAllReplicas('{config.cluster}', {table})"
    return f"SELECT DISTINCT version FROM {table}"


def _applied(client: Any, config: Config) -> set[int]:
    from clickhouse_connect.driver.exceptions import DatabaseError

    try:
        return {row[0] for row in client.query(versions_query(config)).result_rows}
    except DatabaseError as problem:
        if code_of(str(problem)) in _NOTHING_THERE_YET:
            return set()
        raise


def _distributed(table: str, key: str, config: Config) -> str:
    name = _fill(f"{{database}}.{table}", config)
    return (
        f"CREATE TABLE IF NOT EXISTS {name}{_on_cluster(config)} AS {name}_local "
        f"ENGINE = Distributed('{config.cluster}', '{config.database}', '{table}_local', {key})"
    )


def _fill(text: str, config: Config) -> str:
    window = (
        "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
        if config.cluster
        else "non_replicated_deduplication_window = 10000"
    )
    words = {
        "database": f"`{config.database}`",
        "on_cluster": _on_cluster(config),
        "replicated": "Replicated" if config.cluster else "",
        "local": "_local" if config.cluster else "",
        "window": window,
    }
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _on_cluster(config: Config) -> str:
    return f" ON CLUSTER '{config.cluster}'" if config.cluster else ""
