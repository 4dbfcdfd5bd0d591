"""Columns and numbers are the same values."""

import pyarrow as pa
import pytest

from pipeline.columns import integers


def test_a_slice_of_numbers_is_read_from_its_own_start() -> None:
    assert integers(pa.array([1, 2, 3, 4]).slice(1, 2)).tolist() == [2, 3]


def test_a_missing_number_is_not_taken_for_another() -> None:
    column = pa.array([1, None, 3])

    with pytest.raises(AssertionError, match="missing"):
        integers(column)
    assert integers(column.slice(2)).tolist() == [3]
