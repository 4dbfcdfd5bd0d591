"""How to reach ClickHouse."""

from typing import Literal

import msgspec

__all__ = ["Config"]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The section `clickhouse` of the configuration."""

    url: str = "http://127.0.0.1:8123"
    """http or https, host and port."""
    database: str = "default"
    """It is created by `headrace migrate`."""
    user: str = "default"
    """Who inserts; needs INSERT and SELECT, and CREATE for `headrace migrate`."""
    password: str = ""
    """A secret: give it as an environment variable or a file."""
    cluster: str = ""
    """Name of the cluster: tables become replicated and distributed, and DDL runs ON CLUSTER."""
    compression: Literal["none", "lz4"] = "none"
    """Of inserts. lz4 costs the worker 1.4 µs an event and saves two thirds of the network."""
    connect_timeout_s: float = 10.0
    """How long a connection may take."""
    insert_timeout_s: float = 120.0
    """An insert that takes longer is sent again under the same token; what had landed is recognized."""
    rejected_ratio_max: float = 0.5
    """The fuse: a block of which more is refused is held back, for the table is wrong and not the rows."""

    def __repr__(self) -> str:
        """Without the secret: settings end up in tracebacks."""
        return f"Config(url={self.url!r}, database={self.database!r}, user={self.user!r})"
