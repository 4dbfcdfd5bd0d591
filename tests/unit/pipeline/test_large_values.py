"""State values of any size: parts that come, change in number and go."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline import large_values
from pipeline.large_values import opened, put

SIZES = st.lists(st.sampled_from([None, 0, 1, 9, 10, 11, 20, 21, 35]), min_size=1, max_size=6)


@given(SIZES)
def test_a_value_is_what_was_written_last_and_nothing_of_others_is_left(sizes: list[int | None]) -> None:
    large_values.PART_BYTES, before = 10, large_values.PART_BYTES
    try:
        state: dict[bytes, bytes] = {b"other": b"stays"}
        for number, size in enumerate(sizes):
            value = None if size is None else bytes([number + 1]) * size

            changes: dict[bytes, bytes | None] = {}
            put(changes, b"key", state.get(b"key"), value)
            for key, change in changes.items():
                if change is None:
                    state.pop(key, None)
                else:
                    state[key] = change

            assert opened(state.get, b"key", state.get(b"key")) == value
            assert max(map(len, state.values())) <= 10
            assert len(state) == 1 + (0 if size is None else 1 if size <= 10 else 1 + -(-size // 10))
    finally:
        large_values.PART_BYTES = before


def test_a_small_value_stands_under_its_key_as_it_is() -> None:
    changes: dict[bytes, bytes | None] = {}

    put(changes, b"key", None, b"small")

    assert changes == {b"key": b"small"}
