"""What is read and written of an event in part is what it would be as a whole, however the sender spells it."""

import json
from typing import Any

import msgspec
import numpy
from hypothesis import given
from hypothesis import strategies as st

from pipeline.filters import Filter
from pipeline.steps import Step, TransformRules
from pipeline.transforming import transformed
from schemas.closed_event import closed
from schemas.decoding import Decoded
from schemas.event import Event, Verdict
from schemas.event_columns import EventColumns
from schemas.json_text import encoded, parsed
from schemas.limits import Limits
from schemas.marks import MARKING, marks_of
from schemas.property_paths import GONE
from schemas.property_text import reading_of, written_in_part
from transforms.interface import OpenEvent, refused
from transforms.testing import made, opened

KEY = "only-for-tests-0123456789abcdefghij"
VERBS = [
    made("split_url", {"parameters": ["q"]}),
    made("split_url", {"parameters": ["q"], "overwrite": True, "search": "a", "prefix": ""}),
    made("split_url", {"url": "a", "repeats": "all", "parameters": ["q"]}),
    made("extract_campaign"),
    made("normalize_url"),
    made("parse_referrer", {"referrer": "a"}),
    made("parse_user_agent", {"property": "a"}),
    made("anonymize_ip"),
    made("anonymize_ip", {"properties": ["$ip", "a.$ip"]}),
    made("hash_properties", {"key": KEY, "properties": ["email", "a"]}),
    made("hash_properties", {"key": KEY, "properties": ["email"], "distinct_id": True}),
    made("mask_url_parameters"),
    made("normalize_email"),
    made("normalize_email", {"invalid": "remove"}),
    made("normalize_phone", {"properties": ["a"], "region": "DE", "invalid": "reject"}),
    made("remap_values", {"tables": {"a": {"1": "one", "true": 1}}, "defaults": {"a": [1]}}),
    made("filter_properties", {"properties": ["email"]}),
    made("filter_properties", {"properties": ["a", "z", "$host"]}),
    made("filter_properties", {"properties": ["a.$ip", "a.a.email"]}),
    made("hash_properties", {"key": KEY, "properties": ["a.$ip"]}),
    made("rename_properties", {"names": {"email": "a"}}),
    made("rename_properties", {"names": {"email": "a", "z": "a"}, "conflict": "overwrite"}),
    made("rename_properties", {"names": {"email": "a", "a": "z"}}),
    made("rename_properties", {"names": {"a": "new", "new": "a", "z": "$session_id"}}),
    made("remove_nulls"),
    made("remove_nulls", {"nested": True, "empty_objects": True}),
    made("flatten_properties", {"leave": []}),
    made("keep_properties", {"properties": ["a", "$host", "z"]}),
    made("validate_schema", {"action": "annotate", "schemas": {"*": {"properties": {"a": {"type": "null"}}}}}),
    made("rename_events", {"names": {"visit": "call"}, "case": "keep"}),
    made("require_consent", {"consent": "a", "purposes": ["ads"], "action": "strip", "remove": ["email"]}),
    made("sample", {"share": 0.9}),
    made("detect_bots", {"user_agent": "a", "address": "$ip"}),
    made("expand_timestamp"),
    made("set_first_seen", {"properties": ["a"]}),
    made("split_semver", {"properties": ["a"]}),
]
FILTERS = [None, None, None, 'event == "visit"', 'properties.email == "x"', "has(properties.a)"]
WHEN = [Filter(text) if text else None for text in FILTERS]


def _plugin(event: OpenEvent) -> Any:
    """One that says nothing of what it looks at."""
    if event.get("a") == "no":
        return refused("no")
    return event.adding({"email": "y"}).without(["$host"]) if "$host" in event.properties else event


steps = st.lists(
    st.tuples(st.sampled_from([*VERBS, *VERBS, *VERBS, _plugin]), st.sampled_from(WHEN)), min_size=1, max_size=5
)
names = st.sampled_from(["$ip", "$current_url", "$host", "email", "a", "utm_source", "$session_id", "z"])
spelled_values = st.sampled_from(
    [
        '"1.2.3.4"',
        '"1.2.3.0"',
        '"::1"',
        '"https://Shop.example/x?q=1&utm_source=n"',
        '"https:\\/\\/shop.example\\/x"',
        '"no"',
        '"ads"',
        '"Ada@Example.org"',
        '"\\u0041da@example.org"',
        '"say \\"$ip\\": \\"x\\""',
        '"$ip"',
        '"Zürich"',
        '"030 901820"',
        '"1.2.3-rc.1"',
        "null",
        "true",
        "false",
        "1",
        "12",
        "1.50",
        "1e3",
        "1e999",
        "123456789012345678901234567890",
        "[]",
        '["ads"]',
        '{"$ip":"1.2.3.4","$ip":"5.6.7.8"}',
        '{"$ip":"5.6.7.8"}',
        '{"$ip": "1.2.3.4", "a": {"email": "x"}}',
    ]
)
spaces = st.sampled_from(["", "", "", " ", "\n "])


@st.composite
def texts(draw: Any, named: st.SearchStrategy[str] = names) -> bytes:
    pairs = draw(st.lists(st.tuples(_spelled(named), spaces, spaces, spelled_values, spaces), max_size=6))
    inside = ",".join(f"{name}{one}:{two}{value}{three}" for name, one, two, value, three in pairs)
    return f"{{{draw(spaces)}{inside}}}".encode()


@st.composite
def events(draw: Any) -> Event:
    name, text = draw(st.sampled_from(["visit", "$identify"])), draw(texts())
    of = opened({"event": name, "$set": draw(st.sampled_from([None, {"$ip": "1.2.3.4"}]))})._of
    return msgspec.structs.replace(of, properties=text, marks=marks_of(name, text))


@given(st.lists(events(), max_size=4), steps)
def test_in_part_and_as_a_whole_make_the_same(found: list[Event], listed: list[Any]) -> None:
    one, other = (
        transformed(found, TransformRules({0: tuple(step(*entry) for entry in enumerate(listed))}))
        for step in (_open, _silent)
    )

    assert [_read(verdict) for verdict in one.verdicts] == [_read(verdict) for verdict in other.verdicts]
    assert one.tallies == other.tallies


@given(st.lists(events(), max_size=4), st.sampled_from([1, 20]), steps)
def test_in_columns_the_same_is_written(found: list[Event], times: int, listed: list[Any]) -> None:
    found = found * times
    rules = TransformRules({0: tuple(_open(*entry) for entry in enumerate(listed))})
    decoded = Decoded(numpy.arange(len(found)), EventColumns.of(found), {})

    one, other = transformed(decoded, rules), transformed(found, rules)

    assert list(one.verdicts) == list(other.verdicts)
    assert one.tallies == other.tallies


new_values = st.sampled_from(["new", 1, None, [{}], GONE, GONE, GONE])


@given(texts(names), st.dictionaries(names, new_values, min_size=1, max_size=4))
def test_new_values_are_put_where_the_old_ones_stand(text: bytes, new: dict[str, Any]) -> None:
    reading = reading_of(new)
    try:
        sent = reading.read_first(text)
    except msgspec.DecodeError:
        return

    new = {name: value for name, value in new.items() if value is not GONE or name in sent}
    written = written_in_part(text, sent, new, (), reading.keys)

    assert written is None or encoded(parsed(written)) == encoded(_put({**parsed(text)}, new))


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(['"x"', "1", '{"a":[]}'])), unique_by=lambda pair: pair[0]
    ),
    st.data(),
)
def test_what_is_removed_is_cut_out_of_an_ordinary_text(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    comma, colon = data.draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    inside = comma.join(f'"_{name}"{colon}{value}' for name, value in pairs)
    text = f"{{{inside}}}".encode()
    content = parsed(text)
    gone = data.draw(st.sets(st.sampled_from([*content]))) if content else set()
    new: dict[str, Any] = dict.fromkeys(sorted(gone), GONE) | data.draw(
        st.sampled_from([{}, {"z": 1}, {"z": 1, "y": 2}])
    )

    reading = reading_of([*content, "z", "y"])
    written = written_in_part(text, reading.read_first(text), new, (), reading.keys)

    assert written is not None
    assert encoded(parsed(written)) == encoded(_put(content, new))


changes = st.lists(
    st.tuples(
        st.sampled_from(["adding", "without"]), st.dictionaries(names, st.sampled_from([1, "new", [[]]]), max_size=2)
    ),
    max_size=5,
)


@given(texts(), changes, st.sets(names), st.booleans())
def test_one_change_after_another_ends_like_those_of_a_dictionary(
    text: bytes, listed: list[tuple[str, dict[str, Any]]], read: set[str], anew: bool
) -> None:
    of = msgspec.structs.replace(opened({"event": "visit"})._of, properties=text, marks=marks_of("visit", text))
    event, content = OpenEvent(of, reading_of([*MARKING, *read])), parsed(text)

    for verb, said in listed:
        before, event = event, getattr(event, verb)(said)
        unchanged = dict(before.properties)
        content = content | said if verb == "adding" else {n: v for n, v in content.items() if n not in said}
        assert all(event.get(name, GONE) == content.get(name, GONE) for name in (*read, *said))
        assert dict(before.properties) == unchanged

    after = closed(event, Limits(), anew=anew, seen=read)
    assert encoded(parsed(after.properties)) == encoded(content)
    assert after.marks == marks_of("visit", after.properties)


def _put(content: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """As plain dictionaries do it."""
    content |= {name: value for name, value in new.items() if value is not GONE}
    return {name: value for name, value in content.items() if new.get(name) is not GONE}


class Guard:
    """Lets nothing pass that it takes for an address of a person."""

    def reads(self) -> tuple[str, ...]:
        return ("$ip",)

    def gives(self) -> tuple[str, ...]:
        return ()

    def __call__(self, event: OpenEvent) -> Any:
        value = event.get("$ip")
        inside = value.get("$ip") if isinstance(value, dict) else value
        return event.without(["$ip"]) if inside == "1.2.3.4" else event


GUARDS = [
    (made("anonymize_ip"), None),
    (Guard(), None),
    (Guard(), Filter('event == "visit"')),
    (lambda event: Guard()(event), Filter('event == "visit" || properties.z == 1')),
]


@given(texts(st.sampled_from(["$ip", "$ip", "z"])), st.sampled_from(GUARDS))
def test_a_guard_has_seen_everything_that_goes_on(text: bytes, guard: tuple[Any, Filter | None]) -> None:
    event = msgspec.structs.replace(opened({"event": "visit"})._of, properties=text)
    before = _open(0, (made("remap_values", {"tables": {"$ip": {"1": 2}}}), None))
    step = msgspec.structs.replace(_open(1, guard), private=True)

    [after] = transformed([event], TransformRules({0: (before, step)})).verdicts

    assert isinstance(after, Event)
    values = [value for name, value in json.loads(after.properties, object_pairs_hook=list) if name == "$ip"]
    assert len(values) <= 1
    assert not any(value == "1.2.3.4" or (isinstance(value, list) and ("$ip", "1.2.3.4") in value) for value in values)


def _spelled(named: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Names as JSON, one in three with its first letter spelled out."""
    return st.one_of(
        named.map(json.dumps), named.map(json.dumps), named.map(lambda name: f'"\\u{ord(name[0]):04x}{name[1:]}"')
    )


def _open(number: int, entry: tuple[Any, Filter | None]) -> Step:
    call, when = entry
    private = getattr(call, "privacy", False)
    return Step(f"s{number}", f"s{number}@1", call, when, "reject" if private else "skip", private)


def _silent(number: int, entry: tuple[Any, Filter | None]) -> Step:
    """The same step, which does not say what it looks at."""
    step = _open(number, entry)
    return msgspec.structs.replace(step, call=lambda event: entry[0](event))


def _read(verdict: Verdict) -> Any:
    """A verdict with its properties in their order, as they are read: spaces and spellings are the sender's."""
    if not isinstance(verdict, Event):
        return verdict
    return encoded(parsed(verdict.properties)), msgspec.structs.replace(verdict, properties=b"")
