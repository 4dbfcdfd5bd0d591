"""Properties under other names."""

from typing import Any

import pytest

from transforms.testing import made, opened, run


@pytest.mark.parametrize(
    ("before", "names", "kept", "overwritten"),
    [
        ({"a": 1}, {"a": "b"}, {"b": 1}, {"b": 1}),
        ({"a": None}, {"a": "b"}, {"b": None}, {"b": None}),
        ({"a": 1, "b": 2}, {"a": "b"}, {"a": 1, "b": 2}, {"b": 1}),
        ({"a": 1, "b": 2}, {"a": "b", "b": "a"}, {"a": 2, "b": 1}, {"a": 2, "b": 1}),
        ({"a": 1, "b": 2}, {"a": "b", "b": "c"}, {"b": 1, "c": 2}, {"b": 1, "c": 2}),
        ({"a": 1, "b": 2, "c": 3}, {"a": "b", "b": "c"}, {"a": 1, "b": 2, "c": 3}, {"b": 1, "c": 2}),
        ({"a": 1, "b": 2}, {"a": "c", "b": "c"}, {"c": 1, "b": 2}, {"c": 2}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": "c"}, {"c": 1, "a": {"b": 2}}, {"c": 1, "a": {"b": 2}}),
        ({"x": 1}, {"a": "b"}, {"x": 1}, {"x": 1}),
    ],
)
def test_both_rules_for_conflicts(before: Any, names: Any, kept: Any, overwritten: Any) -> None:
    by_rule = {
        rule: dict(run("rename_properties", {"properties": before}, {"names": names, "conflict": rule}).properties)
        for rule in ("keep", "overwrite")
    }

    assert by_rule == {"keep": kept, "overwrite": overwritten}


def test_an_event_with_nothing_to_rename_is_the_same_and_twice_is_once() -> None:
    step = made("rename_properties", {"names": {"a": "b"}, "parts": ["properties", "$set", "$set_once", "$unset"]})
    plain, taken = opened({"properties": {"x": 1}, "$unset": ["x"]}), opened({"properties": {"a": 1, "b": 2}})
    once = step(opened({"properties": {"a": 1}, "$set": {"a": 1}, "$unset": ["a"]}))

    assert step(plain) is plain
    assert step(taken) is taken
    assert step(once) is once  # type: ignore[arg-type]


def test_every_part_can_be_chosen() -> None:
    event = {"properties": {"a": 1}, "$set": {"a": 2}, "$set_once": {"a": 3}, "$unset": ["a", "b", "c"]}

    found = run("rename_properties", event, {"names": {"a": "b"}, "parts": ["$set", "$set_once", "$unset"]})

    assert (dict(found.properties), dict(found.set), dict(found.set_once)) == ({"a": 1}, {"b": 2}, {"b": 3})
    assert found.unset == ("b", "c")


@pytest.mark.parametrize(
    ("names", "said"), [({}, "length"), ({"a": "a"}, "itself"), ({"a": ""}, "empty"), ({"": "a"}, "empty")]
)
def test_names_that_make_no_sense_are_refused(names: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made("rename_properties", {"names": names})
