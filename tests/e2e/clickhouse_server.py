"""A database a test in a running ClickHouse, with the tables that `headrace migrate` makes."""

import uuid
from typing import Any

import msgspec

from destinations.clickhouse import Config
from destinations.clickhouse.connect import new_client
from destinations.clickhouse.insert import ClickHouse
from destinations.clickhouse.migrate import migrate

__all__ = ["Warehouse"]


class Warehouse:
    """A fresh database, a destination that fills it and a client that asks it."""

    def __init__(self, url: str, **options: Any) -> None:
        self.config = Config(url=url, database=f"d_{uuid.uuid4().hex[:12]}", **options)
        migrate(self.config)
        self.client = new_client(self.config)

    def destination(self, epoch: int = 0, **changes: Any) -> ClickHouse:
        """What deliver calls; `changes` are to its configuration."""
        return ClickHouse(msgspec.structs.replace(self.config, **changes), epoch)

    def run(self, *statements: str) -> None:
        """Statements without an answer."""
        for statement in statements:
            self.client.command(statement)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of the answer."""
        found: list[tuple[Any, ...]] = self.client.query(query).result_rows
        return found

    def one(self, query: str) -> Any:
        """The one value of the answer."""
        [[value]] = self.ask(query)
        return value

    def count_in_view(self, name: str, where: str = "1") -> None:
        """A view that counts what passes: wrong for ever after if a row passes twice, or never."""
        self.run(
            f"CREATE TABLE {name} (n UInt64) ENGINE = SummingMergeTree ORDER BY tuple() "
            "SETTINGS non_replicated_deduplication_window = 1000",
            f"CREATE MATERIALIZED VIEW {name}_view TO {name} AS SELECT count() AS n FROM events WHERE {where}",
        )

    def counted(self, name: str) -> int:
        """What the view has counted."""
        return int(self.one(f"SELECT sum(n) FROM {name}"))
