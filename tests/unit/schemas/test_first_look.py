"""A first look lets nothing by that a limit forbids, and sees what few records have."""

from uuid import UUID

import pytest

from schemas.decoding import decode
from schemas.first_look import Looks, looked_at
from schemas.limits import Limits
from tests.unit.schemas.decoded import batch_of, context, decode_one

DEEP = Limits(depth=4)
PLAIN = b'{"token":"t"}'


@pytest.mark.parametrize("before", range(9))
@pytest.mark.parametrize("brackets", [b"[[[[[", b"{{{{{", b"[" + b" " * 300 + b"{[[["])
def test_more_brackets_than_the_depth_are_odd_wherever_the_line_begins(before: int, brackets: bytes) -> None:
    looks = looked_at([b"x" * before, brackets, PLAIN], DEEP)

    assert 1 in looks.odd


@pytest.mark.parametrize("before", range(9))
def test_brackets_of_the_neighbors_are_not_counted(before: int) -> None:
    lines = [b"[" * 4, b"x" * before + b"[" * 4, b"{" * 4]

    assert looked_at(lines, DEEP).odd == set()


@pytest.mark.parametrize("before", range(8))
def test_how_an_event_is_spelled_does_not_depend_on_its_neighbors(before: int) -> None:
    depth = Limits().depth
    start = (
        b'{"token":"phc_1","event":"e","distinct_id":"d","uuid":"%s","properties":{ "n": 1.0000000000000000000000001'
    )
    start = b" " * before + start % str(UUID(int=1)).encode() + b', "a": "'
    lines = [start + b"[" * count + b'" }}' for count in range(depth - 8, depth + 2)]
    lines = [*lines, *reversed(lines)] * 3

    together = decode(batch_of([*lines]), context())

    assert together == [decode_one(line) for line in lines]


def test_brackets_of_many_long_lines_are_not_added_up() -> None:
    lines = [b" " * 64 + b"[" + b" " * 64] * 300

    assert looked_at(lines, DEEP).odd == set()


def test_more_brackets_than_a_byte_counts_are_odd() -> None:
    assert looked_at([b"[" * 2048], DEEP).odd == {0}
    assert looked_at([b"[" * 524_288], Limits()).odd == {0}


@pytest.mark.parametrize("before", range(8))
@pytest.mark.parametrize("count", range(2024, 2042))
def test_brackets_are_counted_in_lines_of_every_length(before: int, count: int) -> None:
    lines = [b"x" * before, b"[" * count, PLAIN]

    assert looked_at(lines, Limits(depth=500)).odd == {1}


@pytest.mark.parametrize("before", range(9))
def test_marks_are_noted_wherever_they_stand(before: int) -> None:
    lines = [b"x" * before, b"$" * 20 + b"set$unset$$$session_id", b"x", b"$ses$set"]

    looks = looked_at(lines, DEEP)

    assert looks.sets == {1: 2, 3: 1}
    assert looks.marked == [1, 3]


def test_unicode_escapes_and_broken_texts_are_odd_and_other_escapes_are_not() -> None:
    looks = looked_at([b"\\n", b"\\u00e9", "é".encode(), b"\xff", b"\xc3", b"\xa9", b"\\"], DEEP)

    assert looks.odd == {1, 3, 4, 5}


def test_sets_are_counted_and_marks_noted_line_by_line_in_their_order() -> None:
    lines = [PLAIN, b"$set $set_once $unset", b"$", b"$se", b"t $session_id", b"$identify", *[b"$anon_"] * 300]

    looks = looked_at(lines, DEEP)

    assert looks.sets == {1: 3}
    assert looks.marked == list(range(4, 306))


def test_no_lines_and_empty_lines_are_nothing() -> None:
    assert looked_at([], DEEP) == Looks(set(), {}, [])
    assert looked_at([b""], DEEP).odd == set()
    assert looked_at([b"", PLAIN, b""], DEEP).odd == set()
