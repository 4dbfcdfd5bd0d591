"""What is read together is what is read one by one, also where one row cannot be read."""

import uuid

import numpy
import pytest

from schemas import read_together
from schemas.identifiers import record_uuid
from schemas.read_together import NO_PROJECT, micros_of, projects_of, uuids_of
from schemas.record import RawBatch

COUNT = 600
BATCH = RawBatch("events.raw", b"L" * 16, 3, range(1_000, 1_000 + COUNT), [0] * COUNT, [None] * COUNT, [], [])


@pytest.mark.parametrize(("odd", "expected"), [("", 5), ("no time", -1), ("2023-01-01T00:00:00", -1)])
def test_one_odd_time_among_many_leaves_the_others_alone(odd: str, expected: int) -> None:
    texts = [f"1970-01-01T00:{row // 60:02}:{row % 60:02}Z" for row in range(COUNT)]
    texts[400] = odd

    found = micros_of(texts, numpy.full(COUNT, 5)).tolist()

    assert found == [expected if row == 400 else row * 1_000_000 for row in range(COUNT)]


@pytest.mark.parametrize("every", [1, 2, 7])
@pytest.mark.parametrize("odd", ["1970-01-01T00:00:09Z", "no time"])
def test_times_are_read_also_where_many_were_not_said(every: int, odd: str) -> None:
    texts = ["" if row % every == 0 else f"1970-01-01T00:{row // 60:02}:{row % 60:02}Z" for row in range(COUNT)]
    texts[401] = odd

    found = micros_of(texts, numpy.arange(COUNT)).tolist()

    expected = [row if row % every == 0 else row * 1_000_000 for row in range(COUNT)]
    expected[401] = -1 if odd == "no time" else 9_000_000
    assert found == expected


def test_what_was_not_said_does_not_keep_the_others_from_being_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_together, "_instant", None)

    assert micros_of(["", "1970-01-01T00:00:09Z", ""], numpy.arange(3)).tolist() == [0, 9_000_000, 2]
    assert micros_of(["", ""], numpy.arange(2)).tolist() == [0, 1]
    assert micros_of([], numpy.arange(0)).tolist() == []


@pytest.mark.parametrize("odd", ["", "x" * 36, "é" * 36, "0" * 36])
def test_one_odd_uuid_among_many_leaves_the_others_alone(odd: str) -> None:
    texts = [str(uuid.UUID(int=row)) for row in range(COUNT)]
    texts[400] = odd

    found, good = uuids_of(BATCH, texts, range(COUNT))

    expected = [uuid.UUID(int=row).bytes for row in range(COUNT)]
    expected[400] = bytes(16) if odd else record_uuid(b"L" * 16, 3, 1_400)
    assert found == b"".join(expected)
    assert numpy.flatnonzero(~good).tolist() == ([400] if odd else [])


def test_tokens_have_their_projects_and_unknown_ones_none() -> None:
    assert projects_of(["a", "a"], {"a": 7}).tolist() == [7, 7]
    assert projects_of(["a", "b", "c"], {"a": 7, "b": 8}).tolist() == [7, 8, NO_PROJECT]
    assert projects_of(["c"], {"a": 7}).tolist() == [NO_PROJECT]
    assert projects_of([], {"a": 7}).tolist() == []
