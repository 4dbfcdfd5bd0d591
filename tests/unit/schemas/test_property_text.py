"""Properties are written in their place only where it is certain which place that is."""

from typing import Any

import pytest

from pipeline.filters import Filter
from pipeline.steps import Step, TransformRules
from pipeline.transforming import transformed
from schemas.event import Event
from schemas.limits import Limits
from schemas.property_paths import GONE
from schemas.property_text import NAMES_MAX, NOTHING_CHOSEN, reading_of, written_in_part
from transforms.testing import made, opened

NAMES = ("$ip", "n", "new")


def written(text: str, new: dict[str, Any], once: tuple[str, ...] = ()) -> str | None:
    reading = reading_of(NAMES)
    found = written_in_part(text.encode(), reading.read_first(text.encode()), new, once, reading.keys)
    return None if found is None else found.decode()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('{"$ip":"a","b": 1.50}', '{"$ip":"x","b": 1.50}'),
        ('{"b":{"ip":"a"}, "$ip": "a"}', '{"b":{"ip":"a"}, "$ip": "x"}'),
        ('{"b":"\\n","$ip":null }', '{"b":"\\n","$ip":"x" }'),
        ('{"b":"say \\"$ip\\"","$ip":"Zürich"}', '{"b":"say \\"$ip\\"","$ip":"x"}'),
        ('{"b":1}', '{"b":1,"$ip":"x"}'),
        ("{ }", '{ "$ip":"x"}'),
    ],
)
def test_the_rest_stays_as_it_was_sent(text: str, after: str) -> None:
    assert written(text, {"$ip": "x"}) == after


@pytest.mark.parametrize(
    "text",
    [
        '{"$ip":"a","$ip":"a"}',
        '{"\\u0024ip":"a"}',
        '{"$ip":"a","\\u0024ip":"a"}',
        '{"b":{"$ip":"a"},"$ip":"a"}',
        '{"b":"$ip","$ip":"a"}',
        '{"$ip":1.50}',
        '{"$ip":"a\\/b"}',
        '{"$ip" :"a"}',
        '{"$ip":{"a" :1}}',
    ],
)
def test_what_stands_in_an_uncertain_place_is_not_touched(text: str) -> None:
    assert written(text, {"$ip": "x"}) is None


def test_several_values_at_once() -> None:
    after = written('{"n":1,"$ip":"a"}', {"$ip": "x", "new": [True], "n": 2})

    assert after == '{"n":2,"$ip":"x","new":[true]}'


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('{"$ip":"a"}', "{}"),
        ('{"$ip":"a","b":1,"n":2}', '{"b":1}'),
        ('{"b": 1, "$ip": "a", "n": 2}', '{"b": 1}'),
        ('{"$ip": "a", "n": 2, "b": 1}', '{"b": 1}'),
        ('{ "b":1.50,"$ip":"a" }', '{ "b":1.50 }'),
        ('{"$ip":"a","n":[{"c":1}]}', "{}"),
        ('{"$ip":"a",\n"b":1}', '{\n"b":1}'),
        ('{"b":1,\n"$ip":"a"}', None),
        ('{"$ip":"a" ,"b":1}', None),
        ('{"$ip":"a","$ip":"a"}', None),
        ('{"b":{"$ip":"a"},"$ip":"a"}', None),
        ('{"$ip":1.50}', None),
    ],
)
def test_what_is_removed_goes_with_its_comma(text: str, after: str | None) -> None:
    gone = {name: GONE for name in ("n", "$ip") if f'"{name}"' in text}

    assert written(text, gone) == after


def test_what_is_added_stands_alone_where_nothing_else_is_left() -> None:
    assert written('{"$ip":"a","n":1}', {"$ip": GONE, "n": GONE, "new": 1}) == '{"new":1}'
    assert written('{"$ip":"a","b":1}', {"$ip": GONE, "new": 1}) == '{"b":1,"new":1}'


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ('{"$ip":"a","b":1,"b":2}', True),
        ('{"n":1}', True),
        ('{"$ip":"a","$ip":"b"}', False),
        ('{"$ip":{"a":1,"a":2}}', False),
        ('{"$ip":["a"]}', False),
    ],
)
def test_what_must_stand_once_is_looked_for(text: str, stays: bool) -> None:
    assert written(text, {}, once=("$ip",)) == (text if stays else None)


def test_names_that_can_be_spelled_in_two_ways_and_too_many_are_not_read_in_part() -> None:
    assert reading_of(["a", "a/b", 'a"', "a\\b", "ä", "a\n", ""]).names == {"a", ""}
    assert reading_of(map(str, range(NAMES_MAX + 1))) is NOTHING_CHOSEN


def test_a_step_looks_at_what_its_transformation_and_its_filter_name() -> None:
    step = Step("s", "s@1", made("split_url", {"parameters": ["q"]}), Filter('properties.plan == "pro"'))

    assert step.names() == ({"$current_url", "$host", "$pathname", "plan"}, {"", "url_q"})
    assert Step("s", "s@1", made("split_url"), Filter("size(properties) > 1")).names() is None
    assert Step("s", "s@1", made("anonymize_ip", {"properties": ["user.ip"]})).names() == ({"user", "user.ip"}, set())
    assert Step("s", "s@1", made("anonymize_ip", {"properties": ["ip_*"]})).names() is None
    assert Step("s", "s@1", lambda event: event).names() is None


def test_what_is_put_in_is_looked_at_for_its_depth() -> None:
    step = Step("s", "s@1", made("split_url", {"repeats": "all", "parameters": ["q"]}))
    event = opened({"properties": {"$current_url": "https://a.example/?q=1"}})._of

    [fits] = transformed([event], TransformRules({0: (step,)}, Limits(depth=2))).verdicts
    [too_deep] = transformed([event], TransformRules({0: (step,)}, Limits(depth=1))).verdicts

    assert isinstance(fits, Event)
    assert isinstance(too_deep, Event)
    assert (fits.applied, fits.failed) == ("s@1", "")
    assert (too_deep.applied, too_deep.failed) == ("", "s@1")
