"""Only what was named."""

from typing import Any

import pytest

from transforms.testing import made, opened, run

NEEDED = {"$anon_distinct_id": "a", "alias": "b", "$session_id": "c", "$process_person_profile": False}


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        ({"plan": 1, "email": 2}, ["plan"], {"plan": 1}),
        ({"plan": None}, ["plan"], {"plan": None}),
        ({"plan": 1, "$ip": 2}, [], {}),
        ({"utm_source": 1, "utm": 2}, ["utm_*"], {"utm_source": 1}),
        ({"user": {"plan": 1, "email": 2}, "x": 1}, ["user.plan"], {"user": {"plan": 1}}),
        ({"user": {"email": 2}}, ["user.plan"], {}),
        ({"user": "ada"}, ["user.plan"], {}),
        ({"user": {"plan": {"deep": [1]}}}, ["user"], {"user": {"plan": {"deep": [1]}}}),
        ({"users": [{"id": 1, "email": 2}, {"email": 3}, "x"]}, ["users.id"], {"users": [{"id": 1}]}),
        ({"users": [{"id": 1}, {"id": 2}]}, ["users.1.id"], {"users": [{"id": 2}]}),
        ({"users": [1, [2]]}, ["users.id"], {}),
        ({"user.plan": 1, "user.email": 2}, ["user.plan"], {"user.plan": 1}),
    ],
)
def test_what_is_named_stays_and_all_else_goes(before: Any, names: list[str], after: Any) -> None:
    assert dict(run("keep_properties", {"properties": before}, {"properties": names}).properties) == after


def test_twice_is_once_except_where_positions_move() -> None:
    step = made("keep_properties", {"properties": ["plan", "users.id", "utm_*"]})
    once = step(opened({"properties": {"plan": 1, "users": [{"id": 1, "x": 2}, 3], "utm_a": 4}, "$set": {"x": 1}}))

    assert step(once) is once  # type: ignore[arg-type]


def test_what_identity_and_sessions_need_stays_unless_another_list_is_given() -> None:
    event = {"properties": {**NEEDED, "$ip": "1.2.3.4"}, "$set": {"alias": "x"}}

    usual = run("keep_properties", event, {"properties": []})
    bare = run("keep_properties", event, {"properties": ["$ip"], "needed": []})

    assert (dict(usual.properties), dict(usual.set)) == (NEEDED, {})
    assert dict(bare.properties) == {"$ip": "1.2.3.4"}


@pytest.mark.parametrize("properties", [{}, {"plan": 1}, {"user": {"plan": 1}}, {"users": [{"plan": []}]}, NEEDED])
def test_an_event_with_nothing_to_remove_is_the_same(properties: Any) -> None:
    event = opened({"properties": properties, "$set": {"plan": 1}, "$unset": ["email"]})

    assert made("keep_properties", {"properties": ["plan", "user.plan", "users.plan"]})(event) is event


def test_every_part_can_be_chosen() -> None:
    event = {"properties": {"x": 1}, "$set": {"x": 1}, "$set_once": {"x": 1, "a": 2}, "$unset": ["a", "x"]}

    found = run("keep_properties", event, {"properties": ["a"], "parts": ["$set_once", "$unset"]})

    assert (dict(found.properties), dict(found.set)) == ({"x": 1}, {"x": 1})
    assert (dict(found.set_once), found.unset) == ({"a": 2}, ("a",))


def test_parts_that_leave_nothing_to_guard_are_refused() -> None:
    with pytest.raises(ValueError, match="parts"):
        made("keep_properties", {"properties": ["a"], "parts": []})


def test_what_is_needed_stays_only_if_it_is_no_object_and_no_list() -> None:
    said = {"alias": {"email": 1, "plan": 2}, "$session_id": [1], "$anon_distinct_id": {"a": 1}, "plan": {"a": 1}}

    step = made("keep_properties", {"properties": ["plan", "alias.plan", "$anon*"]})

    assert dict(step(opened({"properties": said})).properties) == {  # type: ignore[union-attr]
        "alias": {"plan": 2},
        "$anon_distinct_id": {"a": 1},
        "plan": {"a": 1},
    }
