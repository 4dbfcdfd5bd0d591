"""Filters: what a condition means, what it needs to look at, and how one that cannot work is refused."""

from typing import Any

import pytest

from pipeline.filters import Filter, FilterFailed, FilterRefused
from transforms.testing import opened

EVENT: dict[str, Any] = {
    "event": "signed up",
    "distinct_id": "ada",
    "properties": {"plan": "pro", "seats": 3, "tags": ["a", "b"], "$ip": "10.0.0.1", "nested": {"deep": True}},
    "$set": {"city": "Berlin"},
    "timestamp": "2026-09-21T12:00:00+00:00",
}
TRUE = [
    'event == "signed up"',
    'event in ["signed up", "signed in"]',
    'event.startsWith("signed") && project == 1',
    'properties.plan == "pro"',
    'properties["$ip"].startsWith("10.")',
    "properties.seats > 2 && properties.seats < 3.5",
    '"plan" in properties',
    "has(properties.nested.deep) && properties.nested.deep",
    'properties.tags.exists(tag, tag == "b")',
    'properties.tags.exists(tag, tag == "b") && size(properties) == 5',
    'set.city == "Berlin"',
    'distinct_id.matches("^a.a$")',
    'timestamp > timestamp("2026-01-01T00:00:00Z")',
    "timestamp.getHours() == 12",
    "!has(properties.missing) || properties.missing == 1",
    '"properties.plan == 1" == "properties.plan == 1" && properties.plan == "pro"',
    'properties.plan == "pro" || properties.missing == 1',
    "properties.seats == 3 && // it's ours\n properties.plan == 'pro'",
    'properties.seats == 3 && """it"s""" != "" && properties.plan == "pro"',
]
FALSE = [
    'event == "other"',
    'properties.missing == "pro"',
    '!(properties.missing == "pro")',
    "properties.tags[9] == 1",
    "properties.nested.other == 1",
    'event == "other" && properties.seats > "text"',
]


@pytest.mark.parametrize("expression", TRUE)
def test_what_is_so_matches(expression: str) -> None:
    assert Filter(expression).matches(opened(EVENT))


@pytest.mark.parametrize("expression", FALSE)
def test_what_is_not_so_or_missing_does_not_match(expression: str) -> None:
    assert not Filter(expression).matches(opened(EVENT))


@pytest.mark.parametrize(
    "expression",
    ['properties.seats > "text"', "properties.plan > 3", "properties.plan", "1 / (properties.seats - 3) == 1"],
)
def test_what_cannot_be_compared_fails(expression: str) -> None:
    with pytest.raises(FilterFailed):
        Filter(expression).matches(opened(EVENT))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('event == "a" &&', "at line 1, character 16"),
        ('event == "a"\n&& &&', "at line 2"),
        ('evnt == "a"', "at character 1: 'evnt' is not known here"),
        ('"evnt" == "a" || evnt == "a"', "at character 18"),
        ('person.plan == "pro"', "'person' is not known here; there are distinct_id, event"),
        ("lower(event) == 'a'", "there is no function 'lower'"),
        ('event.matches("(")', "matches"),
        ("event", "must be true or false"),
        ("size(event)", "must be true or false"),
        ("event == 'a'" + " " * 10_000, "at most 10000 characters"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(expression: str, said: str) -> None:
    with pytest.raises(FilterRefused) as refusal:
        Filter(expression)

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ('event == "a"', True),
        ('event == "b"', False),
        ('event == "b" && properties.x == 1', False),
        ('properties.x == 1 && event == "b"', False),
        ('event == "a" || properties.x == 1', True),
        ('event == "a" && properties.x == 1', None),
        ("!has(properties.x)", None),
        ("has(properties.x)", None),
        ("size(properties) == 0", None),
        ('!("x" in properties)', None),
        ('distinct_id == ""', None),
        ("project == 7", True),
        ("true", True),
    ],
)
def test_the_name_and_the_project_alone_decide_only_what_they_can(expression: str, answer: bool | None) -> None:
    found = Filter(expression)

    assert found.by_name(7, "a") is answer
    assert found.by_name(7, "a") is answer


def test_only_the_properties_that_are_asked_for_must_be_values_that_a_filter_knows() -> None:
    event = opened({"properties": {"plan": "pro"}}).adding({"odd": object()})

    assert Filter('properties.plan == "pro" && "plan" in properties').matches(event)
    with pytest.raises(FilterFailed):
        Filter("size(properties) == 2").matches(event)


def test_why_a_filter_fails_tells_nothing_of_the_event() -> None:
    event = opened({"properties": {"d": "ada@example.com", "n": 2**63 - 1}})

    for expression in ('duration(properties.d) > duration("1s")', "properties.n + 1 > 5", "size(properties.n) > 1"):
        with pytest.raises(FilterFailed) as failure:
            Filter(expression).matches(event)
        assert "ada" not in str(failure.value)
        assert "9223" not in str(failure.value)
