"""ClickHouse: blocks in, each exactly once."""

from destinations.clickhouse.config import Config
from destinations.clickhouse.insert import ClickHouse
from destinations.clickhouse.migrate import migrate, pending

__all__ = ["ClickHouse", "Config", "migrate", "pending"]
