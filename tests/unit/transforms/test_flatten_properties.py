"""Objects taken apart."""

from typing import Any

import pytest

from transforms.testing import made, opened, run

INDEX = {"lists": "index"}


@pytest.mark.parametrize(
    ("config", "before", "after"),
    [
        ({}, {"a": {"b": {"c": 1}, "d": None}, "e": 2}, {"a.b.c": 1, "a.d": None, "e": 2}),
        ({"separator": "_"}, {"a": {"b": 1}}, {"a_b": 1}),
        ({"depth": 1}, {"a": {"b": {"c": 1}}}, {"a.b": {"c": 1}}),
        ({"depth": 2}, {"a": {"b": {"c": {"d": 1}}}}, {"a.b.c": {"d": 1}}),
        ({}, {"a": {"b": [1, {"c": 2}]}}, {"a.b": [1, {"c": 2}]}),
        (INDEX, {"a": {"b": [1, {"c": 2}]}, "t": ["x"]}, {"a.b.0": 1, "a.b.1.c": 2, "t.0": "x"}),
        ({}, {"a": {}, "b": {"c": {}, "d": []}}, {"a": {}, "b.c": {}, "b.d": []}),
        (INDEX, {"a": [], "b": [[]]}, {"a": [], "b.0": []}),
        ({}, {"$groups": {"company": 1}, "a": {"$b": 1}}, {"$groups": {"company": 1}, "a.$b": 1}),
        ({"leave": []}, {"$groups": {"company": 1}}, {"$groups.company": 1}),
        ({"properties": ["user*"]}, {"user1": {"a": 1}, "cart": {"a": 1}}, {"user1.a": 1, "cart": {"a": 1}}),
        ({}, {"": {"": 1}}, {".": 1}),
    ],
)
def test_objects_become_properties(config: Any, before: Any, after: Any) -> None:
    step = made("flatten_properties", config)

    once = step(opened({"properties": before}))

    assert dict(once.properties) == after  # type: ignore[union-attr]
    if config.get("depth", 8) > 2:
        assert step(once) is once  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "kept", "overwritten"),
    [
        ({"a": {"b": 1}, "a.b": 2}, {"a": {"b": 1}, "a.b": 2}, {"a.b": 1}),
        ({"a.b": 2, "a": {"b": 1, "c": 3}}, {"a.b": 2, "a": {"b": 1, "c": 3}}, {"a.b": 1, "a.c": 3}),
        ({"a": {"b.c": 1, "b": {"c": 2}}}, {"a": {"b.c": 1, "b": {"c": 2}}}, {"a.b.c": 2}),
        ({"a": {"b.c": 1}, "a.b": {"c": 2}}, {"a.b.c": 1, "a.b": {"c": 2}}, {"a.b.c": 2}),
    ],
)
def test_both_rules_for_conflicts(before: Any, kept: Any, overwritten: Any) -> None:
    by_rule = {
        rule: dict(run("flatten_properties", {"properties": before}, {"conflict": rule}).properties)
        for rule in ("keep", "overwrite")
    }

    assert by_rule == {"keep": kept, "overwrite": overwritten}


def test_a_flat_event_is_the_same() -> None:
    event = opened({"properties": {"a": 1, "b": [1, {"c": 2}], "d": {}, "$e": {"f": 1}}, "$set": {"a": {"b": 1}}})

    assert made("flatten_properties")(event) is event


def test_every_part_can_be_chosen() -> None:
    event = {"properties": {"a": {"b": 1}}, "$set": {"a": {"b": 1}}, "$set_once": {"a": {"b": 1}}}

    found = run("flatten_properties", event, {"parts": ["$set", "$set_once"]})

    assert (dict(found.properties), dict(found.set), dict(found.set_once)) == ({"a": {"b": 1}}, {"a.b": 1}, {"a.b": 1})


@pytest.mark.parametrize("config", [{"depth": 0}, {"depth": 65}, {"separator": ""}, {"leave": [""]}])
def test_what_cannot_work_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        made("flatten_properties", config)


@pytest.mark.parametrize(
    "before",
    [
        {"n" * 20_000: [0] * 20_000},
        {"a": {"n" * 1_000: 1}},
        {"a": {"b" * 500: {"c" * 500: 1}}},
        {"n" * 900: [0] * 1_200},
        {f"{number:0900}": [0] * 400 for number in range(3)},
    ],
)
def test_what_would_make_names_of_megabytes_stays_whole(before: Any) -> None:
    event = opened({"properties": before})

    assert made("flatten_properties", INDEX)(event) is event


def test_a_name_that_would_be_too_long_keeps_only_its_property_whole() -> None:
    found = run("flatten_properties", {"properties": {"a": {"n" * 1_000: 1}, "b": {"c": 2}}})

    assert dict(found.properties) == {"a": {"n" * 1_000: 1}, "b.c": 2}
