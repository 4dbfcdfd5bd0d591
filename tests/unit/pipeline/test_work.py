"""Messages between hops: small pieces are joined, large ones cut, nothing is lost or reordered."""

import random
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.accounts import LogCounters
from pipeline.hops import ROWS_AT_ONCE
from pipeline.settings import Settings
from pipeline.work import MESSAGE_BYTES_MAX, PartitionWork, Piece, cut, gather, wired
from schemas.batches import from_wire, size_of, to_wire
from schemas.record import RawBatch


def numbered(counts: list[int]) -> list[pa.RecordBatch]:
    pieces, start = [], 0
    for count in counts:
        pieces.append(pa.record_batch([pa.array(range(start, start + count), pa.int64())], names=["n"]))
        start += count
    return pieces


def numbers(batches: list[pa.RecordBatch]) -> list[int]:
    return [number for batch in batches for number in batch.column("n").to_pylist()]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=10), st.integers(1, 1_000))
def test_gathering_keeps_every_row_in_order(counts: list[int], bytes_min: int) -> None:
    pieces = numbered(counts)

    joined = list(gather([Piece.of(piece) for piece in pieces], bytes_min))

    assert numbers([piece.rows for piece in joined]) == numbers(pieces)
    assert all(piece.bytes >= bytes_min for piece in joined[:-1])
    assert sum(piece.bytes for piece in joined) == sum(size_of(piece) for piece in pieces)


@given(st.integers(1, 200), st.integers(0, 60))
def test_cutting_keeps_every_row_in_order_and_the_limit(rows: int, rows_max: int) -> None:
    [batch] = numbered([rows])

    parts = list(cut(batch, rows_max))

    assert numbers(parts) == numbers([batch])
    assert all(part.num_rows <= max(1, rows_max) for part in parts)


def test_rows_of_any_size_become_messages_that_the_topics_take() -> None:
    # What a person is known by repeats in every row, and the compression sees only 64 KB at once.
    large = random.Random(1).randbytes(150_000)
    batch = pa.record_batch([pa.array(range(100)), pa.array([large] * 99 + [large * 40])], names=["n", "large"])

    parts = list(wired(batch))

    assert numbers([part for part, _ in parts]) == list(range(100))
    assert all(len(value) <= MESSAGE_BYTES_MAX for part, value in parts if part.num_rows > 1)


def test_what_repeats_in_every_row_is_written_about_once_however_long_it_is() -> None:
    large = random.Random(1).randbytes(80_000)
    batch = pa.record_batch([pa.array(range(100)), pa.array([large] * 100)], names=["n", "large"])

    value = to_wire(batch)

    assert len(value) < 200_000
    assert from_wire(value, batch.schema) == batch


def test_a_large_piece_is_not_copied() -> None:
    [piece] = numbered([1_000])

    assert next(iter(gather([Piece.of(piece)], 10))).rows is piece


def test_a_range_that_was_taken_in_is_refused_the_second_time() -> None:
    hop: Any = SimpleNamespace(outcomes=lambda *_: (), tend=lambda *_: None)
    owned: Any = SimpleNamespace(counters={"t": LogCounters("t", "00")}, overlay=SimpleNamespace(get=None))
    work = PartitionWork(hop, owned)
    batch = RawBatch("t", b"", 0, [0, 1], [0, 0], [b"a", b"b"], [None, None], [None, None])
    work.absorb(batch)

    with pytest.raises(AssertionError, match="offset 0 again"):
        work.absorb(batch)


def test_a_batch_that_was_read_and_never_came_is_noticed() -> None:
    hop: Any = SimpleNamespace(outcomes=lambda *_: (), tend=lambda *_: None)
    owned: Any = SimpleNamespace(counters={"t": LogCounters("t", "00")}, overlay=SimpleNamespace(get=None))
    work = PartitionWork(hop, owned)
    work.absorb(RawBatch("t", b"", 0, [0, 1], [0, 0], [b"a", b"b"], [None, None], [None, None], after=0))

    # Offset 2 is a control record: the reader stood at 2 and found 3.
    work.absorb(RawBatch("t", b"", 0, [3], [0], [b"c"], [None], [None], after=2))
    with pytest.raises(AssertionError, match="read on from 6"):
        work.absorb(RawBatch("t", b"", 0, [6], [0], [b"d"], [None], [None], after=6))


def test_no_message_has_more_rows_than_are_worked_on_at_once() -> None:
    owned: Any = SimpleNamespace(settings=Settings())
    work = PartitionWork(SimpleNamespace(), owned)  # type: ignore[arg-type]
    tiny = [Piece.of(rows) for rows in numbered([30_000, 1, 5_000])]

    messages = list(work._messages("t", 0, tiny, "moved")) + list(work._messages("t", 0, tiny, "moved"))

    rows = [int(dict(message.headers or ())["headrace-rows"]) for message in messages]
    assert (sum(rows), max(rows) <= ROWS_AT_ONCE) == (70_002, True)
