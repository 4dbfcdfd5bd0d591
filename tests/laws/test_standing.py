"""Properties that are told from how the text looks are those that reading all of it tells, whatever senders write."""

import json
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.closed_event import closed
from schemas.event import Event
from schemas.json_text import encoded, parsed
from schemas.limits import Limits
from schemas.marks import MARKING, marks_of
from schemas.open_event import OpenEvent
from schemas.property_text import NOTHING_CHOSEN, reading_of
from schemas.standing import has_other, nulls, objects, other_than
from transforms.testing import made, opened

VERBS = [
    made("remove_nulls"),
    made("remove_nulls", {"empty_objects": True}),
    made("remove_nulls", {"nested": True}),
    made("remove_nulls", {"nested": True, "empty_texts": True, "empty_lists": True, "empty_objects": True}),
    made("flatten_properties"),
    made("flatten_properties", {"conflict": "overwrite", "separator": ".b", "leave": []}),
    made("flatten_properties", {"lists": "index", "depth": 1}),
    made("flatten_properties", {"properties": ["a", "b"], "separator": '"'}),
    made("keep_properties", {"properties": ["a", "b.c"]}),
    made("keep_properties", {"properties": ["b"], "needed": ["a", "$session_id"]}),
    made("keep_properties", {"properties": ["a", "b", "c", "a.b"]}),
    made("filter_properties", {"properties": ["a", "b.c"]}),
    made("remap_values", {"tables": {"a": {"1": None}, "b": {"1": {"c": None}}}}),
    made("rename_properties", {"names": {"a": "a.b", "c": "b"}}),
    made("validate_schema", {"action": "annotate", "schemas": {"*": {"properties": {"a": {"type": "null"}}}}}),
    made(
        "validate_schema",
        {"action": "annotate", "schemas": {"*": {"dependentRequired": {"a": ["b"]}}}, "errors_property": "c"},
    ),
]
names = st.sampled_from(
    ["a", "b", "c", "a", "b", "a.b", "$session_id", "", " ", "{", ":null,", ",", ":1}", ":{", "é", "x,"]
)
values = st.sampled_from(
    [
        *(
            "null",
            "null",
            "null",
            "1",
            "1e999",
            "true",
            '""',
            '" "',
            '"\u3000"',
            '"x"',
            '"\\u0000"',
            '"\\""',
            "[]",
            "[ ]",
        ),
        *('"null"', '":null"', '":null,"', '"{"', '"}"', '"["', '"a{b}"', '":{"', '": {"', '",:"', '"x,"', '" :null"'),
        *("{}", "{ }", '{"b":1}', '{"b": {"c": null}}', '{"c":null,"c":1}', '{"b":{},"c":[]}', '{"b":1e999}'),
        *("[null]", "[1, null]", '[{"a":null}]', '["x",{"b":[]}]', '{"a":"}"}', '{"a":"{"}', '["]",{"b":null}]'),
        '{"b":{"c":[{"a":{}}]},"b.c":1}',
    ]
)
spaces = st.sampled_from(["", "", "", "", " ", "\n"])


@st.composite
def texts(draw: Any) -> bytes:
    pairs = draw(st.lists(st.tuples(names.map(lambda name: json.dumps(name, ensure_ascii=False)), values), max_size=6))
    comma, colon = draw(st.tuples(spaces, spaces)), draw(st.tuples(spaces, spaces))
    inside = f"{comma[0]},{comma[1]}".join(f"{name}{colon[0]}:{colon[1]}{value}" for name, value in pairs)
    return f"{{{draw(spaces)}{inside}{draw(spaces)}}}".encode()


@given(texts(), st.lists(st.sampled_from(VERBS), min_size=1, max_size=3), st.booleans())
@example(b'{"x":"{",":1,":{":2}":0,"a":null}}', [VERBS[0]], True)
@example(b'{"x":"{",":1,":{":2}":0,"a":null}}', [VERBS[4]], True)
@example(b'{"a":null,"b":1,"a":{"c":null}}', [VERBS[2]], True)
def test_a_text_and_a_dictionary_end_the_same(text: bytes, steps: list[Any], in_part: bool) -> None:
    listed = [step.reads() for step in steps]
    reading = reading_of([*MARKING, *(name for said in listed for name in said or ())]) if in_part else NOTHING_CHOSEN
    one, other = OpenEvent(_event(text), reading), OpenEvent(_event(text))

    for step in steps:
        other._read()
        before, after = step(one), step(other)
        assert (before is one) == (after is other)
        one, other = before, after

    assert _closed(one) == _closed(other)
    assert encoded(dict(one.properties)) == encoded(dict(other.properties))


@given(texts())
def test_what_is_told_of_a_text_stands_there(text: bytes) -> None:
    content = parsed(text)

    for found in (nulls(text) or {}, objects(text) or {}):
        for name, (value, start, end) in found.items():
            assert encoded(parsed(text[start:end])) == encoded(value)
            assert name in content
            assert text.count(encoded(name)) > 1 or encoded(content[name]) == encoded(value)


@given(texts(), st.sets(names))
def test_a_property_of_another_name_is_only_seen_where_there_is_one(text: bytes, known: set[str]) -> None:
    assert not has_other(text, other_than(known)) or not parsed(text).keys() <= known


@given(texts())
def test_nothing_that_is_null_or_an_object_is_overlooked(text: bytes) -> None:
    content = parsed(text)
    told, around = nulls(text), objects(text)

    assert told is None or all(name in told for name, value in content.items() if value is None)
    assert around is None or all(name in around for name, value in content.items() if isinstance(value, dict))


def _event(text: bytes) -> Event:
    return msgspec.structs.replace(opened({"event": "visit"})._of, properties=text, marks=marks_of("visit", text))


def _closed(event: OpenEvent) -> Any:
    after = closed(event, Limits())
    return encoded(parsed(after.properties)), msgspec.structs.replace(after, properties=b"")
