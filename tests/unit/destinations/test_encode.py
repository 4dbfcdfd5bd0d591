"""Blocks as inserts: every row with its place, the bytes written once."""

import pyarrow as pa
import pytest

from destinations.clickhouse.encode import encode, month_column_of, table_of
from schemas.block import halves, whole
from tests.unit.destinations.rows import LOG, block, prepared, rejected

BLOCK = block(prepared(3), prepared(3, first=4), first=7)


def decoded(data: pa.Buffer) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()


@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_every_row_carries_its_place(compression: str) -> None:
    names, data = encode(whole(BLOCK), 5, compression)  # type: ignore[arg-type]

    table = decoded(data)
    assert names == table.column_names
    assert table.column("_offset").to_pylist() == [7, 7, 7, 8, 8, 8]
    assert table.column("_row").to_pylist() == [0, 1, 2, 0, 1, 2]
    assert set(table.column("_log").to_pylist()) == {LOG.bytes}
    assert (table.column("_epoch").to_pylist(), table.column("_partition").to_pylist()) == ([5] * 6, [0] * 6)


def test_a_part_keeps_the_places_of_its_rows() -> None:
    _, second = halves(whole(BLOCK))

    table = decoded(encode(second, 5, "none")[1])

    assert table.column("_offset").to_pylist() == [8, 8, 8]
    assert table.column("_row").to_pylist() == [0, 1, 2]


def test_columns_go_through_as_they_are() -> None:
    table = decoded(encode(whole(block(prepared(4))), 0, "none")[1])

    assert table.select(prepared().schema.names).to_batches()[0].equals(prepared(4))


def test_the_same_block_is_encoded_to_the_same_bytes() -> None:
    assert encode(whole(BLOCK), 5, "none") == encode(whole(BLOCK), 5, "none")


@pytest.mark.parametrize("compression", ["none", "lz4"])
@pytest.mark.parametrize("size", [0, 1, 1_000, 3_000_000])
def test_there_is_room_for_whatever_does_not_compress(compression: str, size: int) -> None:
    import random

    noise = random.Random(1).randbytes(size)
    found = block(*(prepared(2, properties=[noise, b""]) for _ in range(3)), *(prepared(1) for _ in range(200)))

    assert decoded(encode(whole(found), 0, compression)[1]).num_rows == 206  # type: ignore[arg-type]


def test_a_sliced_batch_takes_only_its_rows_along() -> None:
    found = block(prepared(1_000, properties=[b"p" * 1_000] * 1_000).slice(10, 2))

    data = encode(whole(found), 0, "none")[1]

    assert data.size < 20_000
    assert decoded(data).num_rows == 2


@pytest.mark.parametrize(
    ("topic", "table", "month"),
    [
        ("events.prepared", "events", "timestamp"),
        ("x.events.rejected", "rejected_events", "record_timestamp"),
        ("x.accounts", "accounts", None),
    ],
)
def test_a_topic_has_its_table_and_the_table_its_months(topic: str, table: str, month: str | None) -> None:
    assert (table_of(topic), month_column_of(table)) == (table, month)


def test_the_column_of_months_is_in_the_rows() -> None:
    assert month_column_of("events") in prepared().schema.names
    assert month_column_of("rejected_events") in rejected().schema.names
