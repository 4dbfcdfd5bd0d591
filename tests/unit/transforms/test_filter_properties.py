"""Properties that must not be stored."""

from typing import Any

import pytest

from transforms.testing import made, opened, run


def left(properties: Any, *names: str) -> Any:
    return dict(run("filter_properties", {"properties": properties}, {"properties": names}).properties)


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        ({"email": 1, "plan": 2}, ["email"], {"plan": 2}),
        ({"email": None}, ["email"], {}),
        ({"pii_a": 1, "pii_": 2, "pii": 3, "x_pii_a": 4}, ["pii_*"], {"pii": 3, "x_pii_a": 4}),
        ({"a": 1, "$ip": 2}, ["*"], {}),
        ({"user": {"email": 1, "plan": 2}}, ["user.email"], {"user": {"plan": 2}}),
        ({"user": {"email": 1}}, ["user.email"], {"user": {}}),
        ({"user": {"email": 1}}, ["user"], {}),
        ({"user.email": 1, "user": "x"}, ["user.email"], {"user": "x"}),
        ({"a": {"b.c": 1, "b": {"c": 2, "d": 3}}, "a.b": {"c": 4}}, ["a.b.c"], {"a": {"b": {"d": 3}}, "a.b": {}}),
        ({"users": [{"email": 1}, {"id": 2}, "x"]}, ["users.email"], {"users": [{}, {"id": 2}, "x"]}),
        ({"users": [{"email": 1}, {"email": 2}]}, ["users.0.email"], {"users": [{}, {"email": 2}]}),
        ({"users": ["a", "b", "c"]}, ["users.1"], {"users": ["a", "c"]}),
        ({"users": ["a", "b"]}, ["users.*"], {"users": []}),
        ({"a": {"x": {"email": 1}}, "b": {"email": 2}}, ["*.email"], {"a": {"x": {"email": 1}}, "b": {}}),
        ({"a": {"x": [[{"email": 1}]]}}, ["*.*.email"], {"a": {"x": [[{}]]}}),
        ({"a": [{"x": 1}, {"y": {"z": 2}}]}, ["a.x", "*.y.z"], {"a": [{}, {"y": {}}]}),
        ({"a..b": 1, ".": 2, "c": 3}, ["a..b", "."], {"c": 3}),
        ({"a+b": 1, "aab": 2, "a\nb": 3}, ["a+*"], {"aab": 2, "a\nb": 3}),
        ({"a\nb": 3}, ["a*"], {}),
    ],
)
def test_what_is_named_goes_and_all_else_stays(before: Any, names: list[str], after: Any) -> None:
    assert left(before, *names) == after


@pytest.mark.parametrize("properties", [{}, {"plan": 1}, {"user": {"plan": 1}}, {"user": None}, {"user": [[], 1]}])
def test_an_event_with_nothing_to_remove_is_the_same(properties: Any) -> None:
    event = opened({"properties": properties, "$set": {"plan": 1}, "$unset": ["email"]})

    assert made("filter_properties", {"properties": ["email", "user.email", "*_x"]})(event) is event


def test_twice_is_once_except_where_positions_move() -> None:
    step = made("filter_properties", {"properties": ["email", "*.phone"]})
    once = step(opened({"properties": {"email": 1, "a": {"phone": 2}}, "$set": {"email": 3}}))

    assert step(once) is once  # type: ignore[arg-type]


def test_every_part_can_be_chosen() -> None:
    event = {"properties": {"a": 1}, "$set": {"a": 1}, "$set_once": {"a": 1, "b": 2}, "$unset": ["a", "b"]}

    found = run("filter_properties", event, {"properties": ["a"], "parts": ["$set_once", "$unset"]})
    usual = run("filter_properties", event, {"properties": ["a"]})

    assert (dict(found.properties), dict(found.set), dict(found.set_once)) == ({"a": 1}, {"a": 1}, {"b": 2})
    assert found.unset == ("b",)
    assert (dict(usual.properties), dict(usual.set), usual.unset) == ({}, {}, ("a", "b"))


@pytest.mark.parametrize("names", [[], [""]])
def test_a_list_that_removes_nothing_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="empty"):
        made("filter_properties", {"properties": names})


def test_parts_that_leave_nothing_to_guard_are_refused() -> None:
    with pytest.raises(ValueError, match="parts"):
        made("filter_properties", {"properties": ["a"], "parts": []})
