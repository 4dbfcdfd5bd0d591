"""Fixtures of the tests on the embedded ClickHouse: one server a file, a table or a database a test."""

import uuid
from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import pytest

from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.embedded_server import start_server


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    process, port = start_server(tmp_path_factory.mktemp("clickhouse"))
    yield port
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture(scope="module")
def client(port: int) -> Iterator[Any]:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=port)
    yield client
    client.close()


@pytest.fixture
def table(client: Any) -> str:
    name = f"t_{uuid.uuid4().hex}"
    client.command(
        f"CREATE TABLE {name} (id UUID, n UInt64) ENGINE = MergeTree ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    return name


@pytest.fixture
def warehouse(port: int) -> Iterator[Warehouse]:
    found = Warehouse(f"http://127.0.0.1:{port}")
    yield found
    found.client.close()
