"""Properties without a value."""

from typing import Any

import pytest

from transforms.testing import made, opened, run

ALL = {"nested": True, "empty_texts": True, "empty_lists": True, "empty_objects": True}


@pytest.mark.parametrize(
    ("config", "before", "after"),
    [
        (
            {},
            {"a": None, "b": 0, "c": False, "d": "", "e": [], "f": {}},
            {"b": 0, "c": False, "d": "", "e": [], "f": {}},
        ),
        ({}, {"a": {"b": None}, "c": [None]}, {"a": {"b": None}, "c": [None]}),
        ({"empty_texts": True}, {"a": "", "b": " \t\n", "c": " x ", "d": []}, {"c": " x ", "d": []}),
        ({"empty_lists": True}, {"a": [], "b": {}, "c": [None]}, {"b": {}, "c": [None]}),
        ({"empty_objects": True}, {"a": [], "b": {}, "c": {"d": None}}, {"a": [], "c": {"d": None}}),
        ({"nested": True}, {"a": {"b": None, "c": {"d": None}}, "e": ""}, {"a": {"c": {}}, "e": ""}),
        ({"nested": True}, {"a": [{"b": None}, None, [None, {"c": None}]]}, {"a": [{}, None, [None, {}]]}),
        (ALL, {"a": {"b": {"c": [], "d": " "}}, "e": [""]}, {"e": [""]}),
        (ALL, {"a": [[], {}]}, {"a": [[], {}]}),
    ],
)
def test_what_says_nothing_goes(config: Any, before: Any, after: Any) -> None:
    step = made("remove_nulls", config)

    once = step(opened({"properties": before}))

    assert dict(once.properties) == after  # type: ignore[union-attr]
    assert step(once) is once  # type: ignore[arg-type]


def test_an_event_with_nothing_to_remove_is_the_same() -> None:
    event = opened({"properties": {"a": 0, "b": {"c": [1, {"d": ""}]}}})

    assert made("remove_nulls", {"nested": True})(event) is event


def test_person_properties_are_left_alone_unless_asked_for() -> None:
    event = {"properties": {"a": None}, "$set": {"a": None}, "$set_once": {"a": None, "b": 1}}

    usual, asked = run("remove_nulls", event), run("remove_nulls", event, {"parts": ["$set_once"]})

    assert (dict(usual.properties), dict(usual.set)) == ({}, {"a": None})
    assert (dict(asked.properties), dict(asked.set_once)) == ({"a": None}, {"b": 1})
