"""ClickHouse: blocks in, each exactly once.

Here stands only what the configuration needs, which every command reads: `insert` and `migrate` bring Arrow.
"""

from destinations.clickhouse.config import Config

__all__ = ["Config"]
