"""What the look of a text tells of its properties, and where it tells nothing."""

import pytest

from schemas.standing import FOUND_MAX, VALUE_BYTES_MAX, WORDS_MAX, has_other, nulls, objects, other_than


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"a":1}', set()),
        ('{"a":null,"b": null,"c":"null"}', {"a", "b"}),
        ('{"o":{"a":null},"b":[null, null],"c":null}', {"c"}),
        ('{"a":"x: null","b":null}', None),
        ('{"a":":null","b":null}', None),
        ('{"a" :null}', None),
        ('{"a":\n          null}', None),
        ('{"a":"\\n","b":null}', None),
        ('{"a":null,"a":null}', None),
        ('{"x":"{","b":null}', None),
    ],
)
def test_nulls_are_told_by_their_word(text: str, names: set[str] | None) -> None:
    found = nulls(text.encode())

    assert (None if found is None else {*found}) == names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":1}', {}),
        ('{"a":{"b":1},"c": {"d":{}}}', {"a": {"b": 1}, "c": {"d": {}}}),
        ('{"t":["x"],"l":[1,{"b":1}],"a":{}}', {"t": ["x"], "l": [1, {"b": 1}], "a": {}}),
        ('{"a":{"b":"}"}}', {"a": {"b": "}"}}),
        ('{"a":"{","b":{}}', None),
        ('{"a":"\\u0041","b":{}}', None),
        ('{"a":{"b":1e999}}', None),
    ],
)
def test_objects_are_told_by_their_braces(text: str, found: object) -> None:
    told = objects(text.encode())

    assert (None if told is None else {name: value for name, (value, _, _) in told.items()}) == found


def test_a_sender_cannot_make_it_look_for_long() -> None:
    many = ",".join(f'"{number}":null' for number in range(FOUND_MAX + 1))
    words = " null" * (WORDS_MAX + 1)

    assert nulls(f"{{{many}}}".encode()) is None
    assert nulls(f'{{"a":"{words}"}}'.encode()) is None
    assert objects(f"{{{many.replace('null', '{}')}}}".encode()) is None
    assert objects(f'{{"a":{{"b":"{"x" * VALUE_BYTES_MAX}"}}}}'.encode()) is None


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ('{"a":1,"c":2}', True),
        ('{"a":1,"b":2}', False),
        ('{"b":{"c":1}}', False),
        ('{"a":"\\"c\\":"}', False),
        ('{"a":"x,","b":",c"}', False),
        ('{"ab":1}', True),
    ],
)
def test_another_property_is_seen_where_it_is_certain(text: str, there: bool) -> None:
    assert has_other(text.encode(), other_than(["a", "b"])) is there
