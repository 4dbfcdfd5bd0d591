"""Names, paths and patterns find the same wherever they are used."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.property_paths import GONE, changed, kept, paths_of

names = st.sampled_from(["a", "b", "a.b", "*", "0", ""])
trees = st.dictionaries(
    names, st.recursive(st.integers(0, 9), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner))
)
paths = st.lists(st.sampled_from(["a", "b", "a.b", "*", "a.*", "*.b", "0", "a.0.b", "*.*.a"]), min_size=1, max_size=3)


@given(content=trees, texts=paths)
def test_what_is_kept_and_what_is_removed_have_no_value_in_common(content: dict[str, Any], texts: list[str]) -> None:
    before = json.dumps(content)
    numbered = json.loads(before, parse_int=_numbers())
    meant = paths_of(texts)

    removed, left = changed(numbered, meant, lambda _: GONE), kept(numbered, meant)

    stay = _leaves(numbered if removed is None else removed)
    go = _leaves(numbered if left is None else left)
    assert stay.isdisjoint(go)
    assert stay | go == _leaves(numbered)


@given(content=trees, texts=paths)
def test_every_meant_value_is_changed_once_and_the_original_stays(content: dict[str, Any], texts: list[str]) -> None:
    before = json.dumps(content)

    result = changed(content, paths_of(texts), lambda value: {"was": value})

    assert json.dumps(content) == before
    assert '{"was": {"was"' not in json.dumps(result)


@pytest.mark.parametrize("text", ["", ".".join("abcdefghi")])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        paths_of([text])


def _numbers() -> Any:
    """A number of its own for every leaf."""
    given = iter(range(1_000_000))
    return lambda _: next(given)


def _leaves(value: Any) -> set[int]:
    if isinstance(value, dict):
        return {leaf for inner in value.values() for leaf in _leaves(inner)}
    if isinstance(value, list):
        return {leaf for inner in value for leaf in _leaves(inner)}
    return {value}
