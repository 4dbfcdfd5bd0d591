"""Tables and views, as numbered files applied in order, each once; applying them again changes nothing.

With a cluster configured the same files give replicated tables on every node and a distributed table over them.
"""

import re
from importlib.resources import files
from typing import Any

import msgspec

from destinations.clickhouse.config import Config
from destinations.clickhouse.connect import new_client

__all__ = ["Migration", "migrate", "migrations", "pending", "render"]

_VERSIONS = """
CREATE TABLE IF NOT EXISTS {database}.schema_migrations{on_cluster}
(version UInt32, name String, applied_at DateTime64(3) DEFAULT now64(3))
ENGINE = {replicated}MergeTree ORDER BY version
"""
_DISTRIBUTED = re.compile(r"^-- distributed: (\w+) by (.+)$", re.MULTILINE)


class Migration(msgspec.Struct, frozen=True):
    """One file of DDL."""

    version: int
    name: str
    text: str


def migrations() -> list[Migration]:
    """Every migration that comes with this version, in order."""
    found = list(files("destinations.clickhouse").joinpath("migrations").iterdir())
    named = sorted((file.name, file.read_text()) for file in found if file.name.endswith(".sql"))
    return [Migration(int(name[:4]), name[5:-4], text) for name, text in named]


def render(migration: Migration, config: Config) -> list[str]:
    """The statements of a migration for this configuration."""
    clustered = bool(config.cluster)
    words = {
        "database": f"`{config.database}`",
        "on_cluster": _on_cluster(config),
        "replicated": "Replicated" if clustered else "",
        "local": "_local" if clustered else "",
        "window": (
            "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
            if clustered
            else "non_replicated_deduplication_window = 10000"
        ),
    }
    text = "\n".join(line for line in migration.text.splitlines() if not line.startswith("--"))
    statements = [part.strip() for part in text.split(";\n") if part.strip(" ;\n")]
    rendered = [_fill(statement.rstrip(";"), words) for statement in statements]
    tables = [_distributed(table, key, config) for table, key in _DISTRIBUTED.findall(migration.text)]
    if not clustered:
        return rendered
    views = [statement for statement in rendered if " VIEW " in statement.split("\n")[0]]
    return [statement for statement in rendered if statement not in views] + tables + views


def pending(config: Config) -> list[Migration]:
    """What `migrate` would apply."""
    client = _prepared(config)
    try:
        done = {row[0] for row in client.query("SELECT version FROM schema_migrations").result_rows}
    finally:
        client.close()
    return [migration for migration in migrations() if migration.version not in done]


def migrate(config: Config) -> list[Migration]:
    """Bring the database up to date and return what was applied."""
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


def _prepared(config: Config) -> Any:
    """A client of the database, which exists with its table of versions when this returns."""
    first = new_client(config, database="default")
    words = {
        "database": f"`{config.database}`",
        "on_cluster": _on_cluster(config),
        "replicated": "Replicated" if config.cluster else "",
    }
    try:
        first.command(f"CREATE DATABASE IF NOT EXISTS `{config.database}`{_on_cluster(config)}")
        first.command(_fill(_VERSIONS, words))
    finally:
        first.close()
    return new_client(config)


def _distributed(table: str, key: str, config: Config) -> str:
    local = f"`{config.database}`.{table}_local"
    return (
        f"CREATE TABLE IF NOT EXISTS `{config.database}`.{table}{_on_cluster(config)} AS {local} "
        f"ENGINE = Distributed('{config.cluster}', '{config.database}', '{table}_local', {key})"
    )


def _on_cluster(config: Config) -> str:
    return f" ON CLUSTER '{config.cluster}'" if config.cluster else ""


def _fill(text: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", value)
    return text
