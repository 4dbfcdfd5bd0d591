"""One text per value; the vectors of RFC 8785 are in tests/conformance/hash_properties.py."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical_json import canonical

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(values)
def test_it_reads_back_as_the_same_value(value: Any) -> None:
    assert json.loads(canonical(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_of_any_size_reads_back_as_the_same(value: float) -> None:
    assert float(canonical(value)) == value


@given(st.dictionaries(st.text(), values, max_size=5))
def test_the_order_of_keys_makes_no_difference(content: dict[str, Any]) -> None:
    assert canonical(dict(reversed(content.items()))) == canonical(content)


def test_keys_are_sorted_by_utf16_and_large_integers_keep_their_digits() -> None:
    assert canonical({"\ufb33": 1, "😀": 2**53 + 1}) == '{"😀":9007199254740993,"\ufb33":1}'


def test_deep_nesting_is_written() -> None:
    value: Any = 1
    for _ in range(500):
        value = [value]

    assert canonical(value) == "[" * 500 + "1" + "]" * 500


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        canonical({1, 2})
