"""Sifting: exactly the refused rows are found, everything else is handed over once, and a wrong table is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.clickhouse.sift import TooManyRefused, sift
from schemas.block import Part, whole
from tests.unit.destinations.rows import block, prepared

Place = tuple[int, int]


def places(part: Part) -> list[Place]:
    return [(offset, int(row)) for offset, rows, _ in part.batches() for row in rows]


class Table:
    """Takes what holds no refused row, and knows tokens as a server does."""

    def __init__(self, refused: set[Place]) -> None:
        self.refused = refused
        self.landed: dict[str, list[Place]] = {}
        self.sent: list[str] = []

    def __call__(self, part: Part) -> str | None:
        self.sent.append(part.token)
        if self.refused.intersection(places(part)):
            return "no"
        self.landed.setdefault(part.token, places(part))
        return None

    @property
    def rows(self) -> list[Place]:
        return sorted(place for found in self.landed.values() for place in found)


def part_of(*counts: int) -> Part:
    return whole(block(*(prepared(count, first=100 * number) for number, count in enumerate(counts))))


def sifted(part: Part, table: Table, ratio: float = 1.0) -> list[Place]:
    return [place for single, _ in sift(part, table, ratio) for place in places(single)]


blocks = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@given(blocks, st.sets(st.tuples(st.integers(0, 3), st.integers(0, 8)), max_size=6))
def test_every_row_lands_once_or_is_found(counts: list[int], refused: set[Place]) -> None:
    part, table = part_of(*counts), Table(refused)

    found = sifted(part, table)

    assert found == [place for place in places(part) if place in refused]
    assert sorted([*table.rows, *found]) == places(part)
    assert len(table.sent) == len(set(table.sent))


@given(blocks, st.sets(st.tuples(st.integers(0, 3), st.integers(0, 8)), max_size=6), st.integers(0, 12))
def test_a_crash_and_another_go_change_nothing(counts: list[int], refused: set[Place], after: int) -> None:
    part, table = part_of(*counts), Table(refused)

    def crashing(cut: Part) -> str | None:
        if len(table.sent) == after:
            raise ConnectionError
        return table(cut)

    try:
        sift(part, crashing, 1.0)
    except ConnectionError:
        pass
    found = sifted(part, table)

    assert sorted([*table.rows, *found]) == places(part)


def test_a_part_that_lands_is_sent_once() -> None:
    table = Table(set())

    assert sifted(part_of(1_000, 1_000), table, ratio=0.0) == []
    assert len(table.sent) == 1


def test_a_wrong_table_is_noticed_after_a_few_inserts() -> None:
    part = part_of(*[1_000] * 8)
    table = Table(set(places(part)))

    with pytest.raises(TooManyRefused) as fuse:
        sift(part, table, 0.5)

    assert fuse.value.reason == "no"
    assert len(table.sent) < 300


def test_a_thousand_bad_rows_in_a_row_are_no_wrong_table() -> None:
    part = part_of(*[1_000] * 8)
    refused = {(2, row) for row in range(1_000)}

    assert sifted(part, Table(refused), ratio=0.5) == sorted(refused)


def test_more_refused_rows_than_the_ratio_blow_the_fuse() -> None:
    part = part_of(1_000)
    every_tenth = {(0, row) for row in range(0, 1_000, 10)}

    assert sifted(part, Table(every_tenth), ratio=0.1) == sorted(every_tenth)
    with pytest.raises(TooManyRefused):
        sift(part, Table(every_tenth), 0.09)


def test_a_small_part_may_be_refused_whole() -> None:
    part = part_of(50)

    assert sifted(part, Table(set(places(part))), ratio=0.1) == places(part)
