"""Values by a table."""

from typing import Any

import pytest

from transforms.interface import OpenEvent
from transforms.testing import made, opened, run

TABLE = {"p": "pro", "1": 1, "true": "yes", "null": "none", "1.5": [1], "": "empty"}


@pytest.mark.parametrize(
    ("value", "new"),
    [
        ("p", "pro"),
        ("P", "P"),
        ("1", 1),
        (1, 1),
        (1.0, 1),
        (True, "yes"),
        ("true", "yes"),
        (None, "none"),
        (1.5, [1]),
        ("", "empty"),
        ("other", "other"),
        (2**70, 2**70),
        ({"p": 1}, {"p": 1}),
        (["p", "x", 1, ["p"]], ["pro", "x", 1, ["p"]]),
        ([], []),
    ],
)
def test_a_value_is_found_by_its_text_and_has_the_type_of_the_table(value: Any, new: Any) -> None:
    found = run("remap_values", {"properties": {"plan": value}}, {"tables": {"plan": TABLE}}).properties["plan"]

    assert (found, type(found)) == (new, type(new))


def test_types_are_told_apart() -> None:
    found = run("remap_values", {"properties": {"a": True, "b": 1}}, {"tables": {"a": {"true": 1}, "b": {"1": True}}})

    assert found.properties["a"] is not True
    assert found.properties["b"] is True


@pytest.mark.parametrize(("value", "new"), [("x", 0), (None, 0), ({"a": 1}, 0), (["low", "x"], [1, 0]), ("low", 1)])
def test_a_default_is_for_all_other_values_and_not_for_missing_ones(value: Any, new: Any) -> None:
    config = {"tables": {"level": {"low": 1}}, "defaults": {"level": 0}}
    without = opened({"properties": {"a": 1}})

    assert run("remap_values", {"properties": {"level": value}}, config).properties["level"] == new
    assert made("remap_values", config)(without) is without


def test_case_is_ignored_if_asked_for() -> None:
    config = {"tables": {"plan": {"Straße": "pro"}}, "ignore_case": True}

    assert run("remap_values", {"properties": {"plan": "STRASSE"}}, config).properties["plan"] == "pro"


def test_an_event_whose_values_stay_is_the_same_and_twice_is_once() -> None:
    step = made("remap_values", {"tables": {"plan": {"p": "pro", "pro": "pro"}}})
    once = step(opened({"properties": {"plan": "p"}}))

    assert step(once) is once  # type: ignore[arg-type]


def test_every_part_can_be_chosen() -> None:
    event = {"properties": {"plan": "p"}, "$set": {"plan": "p"}, "$set_once": {"plan": "p"}}

    found = run("remap_values", event, {"tables": {"plan": TABLE}, "parts": ["$set", "$set_once"]})

    assert (found.properties["plan"], found.set["plan"], found.set_once["plan"]) == ("p", "pro", "pro")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"tables": {}}, "length"),
        ({"tables": {"a": {}}, "defaults": {"b": 1}}, "no table"),
        ({"tables": {"a": {"x": 1, "X": 2}}, "ignore_case": True}, "only in case"),
    ],
)
def test_what_cannot_work_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made("remap_values", config)


@pytest.mark.parametrize(("sent", "new"), [("1", [1]), ("x", {"b": [2]})])
def test_what_the_next_step_does_to_a_new_value_stays_with_the_event(sent: str, new: Any) -> None:
    step = made("remap_values", {"tables": {"a": {"1": [1]}}, "defaults": {"a": {"b": [2]}}})
    before = opened({"properties": {"a": sent}})

    first = step(before)
    assert isinstance(first, OpenEvent)
    first.properties["a"].clear()

    again = step(before)
    assert isinstance(again, OpenEvent)
    assert again.properties["a"] == new
