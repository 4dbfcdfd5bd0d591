"""Blocks and their parts: the same cuts every time, different rows never under one token."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.block import MONTHS_MAX, Block, Part, halves, parts_by_month, whole

MONTH_US = 31 * 24 * 3600 * 1_000_000


def block(*times: list[int]) -> Block:
    messages = []
    for number, micros in enumerate(times):
        column = pa.array(micros, pa.timestamp("us", tz="UTC"))
        messages.append((10 + 2 * number, pa.record_batch([column], names=["timestamp"])))
    return Block("events.prepared", b"L" * 16, 3, 10, messages[-1][0], tuple(messages))


def places(part: Part) -> list[tuple[int, int]]:
    return [(offset, int(row)) for offset, rows, batch in part.batches() for row in rows]


def micros_of(part: Part) -> list[int]:
    return [int(v) for _, _, batch in part.batches() for v in batch.column("timestamp").cast(pa.int64()).to_pylist()]


messages = st.lists(st.lists(st.integers(0, 9 * 10**15), min_size=1, max_size=8), min_size=1, max_size=5)


@given(messages)
def test_halves_share_nothing_and_miss_nothing(times: list[list[int]]) -> None:
    found = block(*times)
    parts, tokens = [whole(found)], set()
    while any(part.rows > 1 for part in parts):
        parts = [cut for part in parts for cut in (halves(part) if part.rows > 1 else [part])]
        tokens |= {part.token for part in parts}

    assert sorted(place for part in parts for place in places(part)) == places(whole(found))
    assert len({part.token for part in parts}) == len(parts) == found.rows
    assert found.token in {whole(found).token}


@given(messages)
def test_cuts_depend_on_nothing_but_the_block(times: list[list[int]]) -> None:
    first, again = whole(block(*times)), whole(block(*times))

    assert [part.token for part in parts_by_month(first)] == [part.token for part in parts_by_month(again)]
    assert [places(part) for part in parts_by_month(first)] == [places(part) for part in parts_by_month(again)]


def test_an_ordinary_block_is_not_cut_by_month() -> None:
    found = whole(block([0, MONTH_US], [2 * MONTH_US]))

    assert [part.token for part in parts_by_month(found)] == [found.token]


def test_a_block_of_many_months_is_cut_into_parts_that_an_insert_takes() -> None:
    found = block([month * MONTH_US for month in range(250)], [5 * MONTH_US])

    parts = parts_by_month(whole(found))

    assert len(parts) == 3
    assert sorted(place for part in parts for place in places(part)) == places(whole(found))
    for part in parts:
        months = {micros // MONTH_US for micros in micros_of(part)}
        assert len(months) <= MONTHS_MAX + 3
    assert len({part.token for part in parts}) == 3
