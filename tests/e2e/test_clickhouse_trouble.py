"""A ClickHouse in trouble: the block is held back with what to do, and nothing is lost or doubled meanwhile."""

import socket
from collections.abc import Iterator

import pytest

from schemas.outcomes import Retry
from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.rig.proxy import FaultProxy
from tests.unit.destinations.rows import block, prepared

pytestmark = pytest.mark.e2e


@pytest.fixture
def proxy(port: int) -> Iterator[FaultProxy]:
    found = FaultProxy(port)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("breaking", "told"),
    [
        ("RENAME TABLE events TO elsewhere", "a table is missing: run headrace migrate"),
        ("ALTER TABLE events DROP COLUMN unset", "a column is missing: run headrace migrate"),
        ("DROP DATABASE {database}", "the database is missing: run headrace migrate"),
    ],
)
def test_a_schema_that_is_behind_holds_the_block_back_and_says_what_to_do(port: int, breaking: str, told: str) -> None:
    behind = Warehouse(f"http://127.0.0.1:{port}")
    behind.run("DROP VIEW events_resolved", breaking.format(database=behind.config.database))

    with pytest.raises(Retry, match=told):
        behind.destination().insert(block(prepared()))
    behind.client.close()


def test_no_answer_holds_the_block_back(warehouse: Warehouse) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        destination = warehouse.destination(url=url, insert_timeout_s=0.5)

        with pytest.raises(Retry):
            destination.insert(block(prepared()))


@pytest.mark.parametrize("fault", ["cut", "swallow", "refuse"])
def test_a_connection_that_breaks_in_mid_insert_loses_and_doubles_nothing(
    warehouse: Warehouse, proxy: FaultProxy, fault: str
) -> None:
    warehouse.count_in_view("counted")
    destination = warehouse.destination(url=proxy.url)
    destination.insert(block(prepared()))
    sent = block(prepared(5000, first=100), first=1)

    proxy.set(fault, after_bytes=100_000)  # type: ignore[arg-type]
    with pytest.raises(Retry):
        destination.insert(sent)
    proxy.set("pass")
    destination.insert(sent)

    assert (warehouse.one("SELECT count() FROM events"), warehouse.counted("counted")) == (5001, 5001)
