"""The ClickHouse destination without a server: encoding, error classes, DDL for a cluster."""

import pyarrow as pa
import pytest

from destinations.clickhouse import Config
from destinations.clickhouse.encode import encode, table_of
from destinations.clickhouse.errors import CONTENT_CODES, code_of, speaks_of_content, too_many_partitions
from destinations.clickhouse.migrate import migrations, render
from schemas.block import Block, halves, whole

ROWS = pa.record_batch([pa.array(["a", "b", "c"])], names=["event"])
BLOCK = Block("p.events.prepared", b"\x01" * 16, 3, 7, 9, ((7, ROWS), (9, ROWS)))


def decoded(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()


@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_every_row_carries_its_place(compression: str) -> None:
    names, data = encode(whole(BLOCK), 5, compression)  # type: ignore[arg-type]

    table = decoded(data)
    assert names == table.column_names == ["event", "_log", "_partition", "_offset", "_row", "_epoch"]
    assert table.column("_offset").to_pylist() == [7, 7, 7, 9, 9, 9]
    assert table.column("_row").to_pylist() == [0, 1, 2, 0, 1, 2]
    assert set(table.column("_log").to_pylist()) == {b"\x01" * 16}


def test_a_part_keeps_the_places_of_its_rows() -> None:
    _, second = halves(whole(BLOCK))

    table = decoded(encode(second, 5, "none")[1])

    assert table.column("_offset").to_pylist() == [9, 9, 9]
    assert table.column("_row").to_pylist() == [0, 1, 2]


def test_the_same_block_is_encoded_to_the_same_bytes() -> None:
    assert encode(whole(BLOCK), 5, "none") == encode(whole(BLOCK), 5, "none")


@pytest.mark.parametrize(
    ("topic", "table"),
    [("events.prepared", "events"), ("x.events.rejected", "rejected_events"), ("x.accounts", "accounts")],
)
def test_a_topic_has_its_table(topic: str, table: str) -> None:
    assert table_of(topic) == table


@pytest.mark.parametrize("code", [60, 81, 159, 164, 202, 209, 210, 241, 242, 252, 319, 516, 999, None])
def test_what_does_not_speak_of_content_is_tried_again(code: int | None) -> None:
    assert not speaks_of_content(code)


@pytest.mark.parametrize("code", CONTENT_CODES)
def test_what_speaks_of_content_is_cut_down_to_its_rows(code: int) -> None:
    assert speaks_of_content(code)


def test_codes_are_read_from_messages_of_server_and_client() -> None:
    assert code_of("Code: 469. DB::Exception: no") == 469
    assert code_of("Received ClickHouse exception, code: 60, server response") == 60
    assert code_of("connection refused") is None
    assert too_many_partitions("Code: 252. Too many partitions for single INSERT block")
    assert not too_many_partitions("Code: 252. Too many parts (300)")


def test_the_tables_of_one_server_are_plain_and_remember_tokens() -> None:
    text = "\n".join(statement for migration in migrations() for statement in render(migration, Config()))

    assert "Replicated" not in text
    assert "ON CLUSTER" not in text
    assert text.count("non_replicated_deduplication_window = 10000") == 3
    assert "{" not in text.replace("{}", "")


def test_on_a_cluster_every_table_is_replicated_and_has_a_distributed_one_over_it() -> None:
    statements = [part for migration in migrations() for part in render(migration, Config(cluster="main"))]
    text = "\n".join(statements)

    assert text.count("ENGINE = ReplicatedReplacingMergeTree") == 3
    assert text.count("ENGINE = Distributed('main'") == 3
    assert all("ON CLUSTER 'main'" in statement for statement in statements)
    assert text.index("events_local") < text.index("Distributed") < text.index("events_resolved")


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))
