"""Clients: one per thread, over HTTP, without server-side sessions."""

import math
import threading
from typing import Any
from urllib.parse import urlsplit

from destinations.clickhouse.config import Config
from schemas.outcomes import ConfigError

__all__ = ["client_of", "new_client"]

_local = threading.local()


def client_of(config: Config) -> Any:
    """This thread's client. Raises what clickhouse-connect raises when the server does not answer."""
    clients = _local.__dict__.setdefault("clients", {})
    if config not in clients:
        clients[config] = new_client(config)
    return clients[config]


def new_client(config: Config, database: str | None = None) -> Any:
    """A client of its own."""
    import clickhouse_connect
    from clickhouse_connect import common
    from clickhouse_connect.driver import httputil

    # Whole messages: that a view has failed, and not the table, is said at their end.
    common.set_setting("max_error_size", 0)

    address = urlsplit(config.url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError(f"clickhouse.url {config.url!r} must look like http://host:8123", "clickhouse.url")
    secure = address.scheme == "https"
    return clickhouse_connect.get_client(
        host=address.hostname,
        port=address.port or (8443 if secure else 8123),
        secure=secure,
        database=config.database if database is None else database,
        username=config.user,
        password=config.password,
        compress=False,
        # The client cuts fractions off, and refuses the 0 that is left.
        connect_timeout=math.ceil(config.connect_timeout_s),
        send_receive_timeout=math.ceil(config.insert_timeout_s),
        autogenerate_session_id=False,
        # The runner repeats a block under its token and decides when; the client must not repeat by itself.
        query_retries=0,
        pool_mgr=httputil.get_pool_manager(maxsize=1, num_pools=1),
    )
