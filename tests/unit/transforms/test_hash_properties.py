"""Keyed hashes: by the vectors of RFC 4231 and RFC 8785, in every place, and without making one person of many."""

from typing import Any

import msgspec
import pytest

from pipeline.identity import is_illegal
from schemas.closed_event import closed
from schemas.limits import Limits
from schemas.marks import read_marks
from schemas.open_event import OpenEvent
from tests.conformance.hash_properties import DEVIATIONS, results
from transforms.hash_properties import keyed_hash
from transforms.testing import made, opened, run

KEY = "k" * 32


def hashed(text: str) -> str:
    return keyed_hash(KEY.encode(), text.encode())


def after(event: dict[str, Any], **config: Any) -> Any:
    return run("hash_properties", event, {"key": KEY, "properties": ["email"], **config})


@pytest.mark.parametrize(("label", "passed"), results())
def test_the_vectors_of_the_rfcs(label: str, passed: bool) -> None:
    assert passed is (label not in DEVIATIONS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ada@example.com", "ada@example.com"),
        ("", ""),
        ("ä€😂", "ä€😂"),
        (42, "42"),
        (42.0, "42"),
        (2**53 + 1, "9007199254740993"),
        (2**70, str(2**70)),
        (-0.5, "-0.5"),
        (True, "true"),
        ([1, "a", None], '[1,"a",null]'),
        ({"b": 1, "a": {"ä": []}}, '{"a":{"ä":[]},"b":1}'),
        ("x" * 1000, "x" * 1000),
    ],
)
def test_a_value_of_any_type_is_hashed_over_its_text(value: Any, text: str) -> None:
    assert after({"properties": {"email": value}}).properties["email"] == hashed(text)


def test_a_number_of_any_size_is_hashed_as_it_was_spelled() -> None:
    event = OpenEvent(msgspec.structs.replace(opened()._of, properties=b'{"email": 1e999}'))

    found: Any = made("hash_properties", {"key": KEY, "properties": ["email"]})(event)

    assert found.properties["email"] == hashed("1e999")


def test_null_stays_and_an_event_without_the_property_is_the_same() -> None:
    step = made("hash_properties", {"key": KEY, "properties": ["email", "user.email"]})
    for properties in ({"email": None}, {"plan": "pro"}, {"user": {"plan": 1}}, {"user": [1, "a"]}, {"user": 1}):
        event = opened({"properties": properties})

        assert step(event) is event


def test_paths_go_through_objects_and_lists_and_names_may_have_dots() -> None:
    before = {"user": [{"email": "a"}, [{"email": "b"}], "c"], "user.email": "d", "email": "e"}

    found = after({"properties": before}, properties=["user.email"]).properties

    assert found == {
        "user": [{"email": hashed("a")}, [{"email": hashed("b")}], "c"],
        "user.email": hashed("d"),
        "email": "e",
    }


def test_person_properties_are_hashed_unless_left_out() -> None:
    event = {"$set": {"email": "a"}, "$set_once": {"email": "a", "plan": "pro"}}

    found, left = after(event), after(event, parts=["properties", "$set"])

    assert (dict(found.set), dict(found.set_once)) == ({"email": hashed("a")}, {"email": hashed("a"), "plan": "pro"})
    assert dict(left.set_once) == {"email": "a", "plan": "pro"}


def test_prefix_and_length() -> None:
    found = after({"properties": {"email": "a"}}, prefix="sha_", length=20)

    assert found.properties["email"] == "sha_" + hashed("a")[:20]


def test_twice_is_another_hash_unless_hashed_values_are_skipped() -> None:
    once = after({"properties": {"email": "a"}})
    plain = made("hash_properties", {"key": KEY, "properties": ["email"]})
    skipping = {"key": KEY, "properties": ["email"], "prefix": "h:", "skip_hashed": True, "distinct_id": True}
    step = made("hash_properties", skipping)
    event = {
        "distinct_id": "[1]",
        "properties": {"email": "a", "alias": "b", "$anon_distinct_id": ["x"], "$device_id": "0"},
    }
    skipped = step(opened(event))

    assert plain(once).properties["email"] == hashed(hashed("a"))  # type: ignore[union-attr]
    assert step(skipped) is skipped  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["h:", "h:" + "0" * 63, "h:" + "G" * 64, "h:" + "0" * 65, "x" + "0" * 64])
def test_what_only_resembles_a_hash_is_hashed(text: str) -> None:
    found = after({"properties": {"email": text}}, prefix="h:", skip_hashed=True)

    assert found.properties["email"] == "h:" + hashed(text)


@pytest.mark.parametrize(("name", "event"), [("$anon_distinct_id", "$identify"), ("alias", "$create_alias")])
@pytest.mark.parametrize("other", ["laptop", 42, 1.5, 1e30, "ada@example.com"])
def test_ids_in_claims_become_what_the_same_distinct_ids_become(name: str, event: str, other: Any) -> None:
    config = {"properties": [], "distinct_id": True}
    text = other if isinstance(other, str) else closed(opened({"properties": {name: other}}), Limits()).properties
    as_id = other if isinstance(other, str) else text.decode().partition(":")[2].rstrip("}")  # type: ignore[union-attr]

    claim = after({"event": event, "distinct_id": "ada", "properties": {name: other}}, **config)
    alone = after({"distinct_id": as_id}, **config)

    assert claim.distinct_id == hashed("ada")
    assert read_marks(closed(claim, Limits()).marks).other == alone.distinct_id == hashed(as_id)


@pytest.mark.parametrize(
    "nobody",
    [
        "",
        " ",
        "anonymous",
        "Guest",
        '"null"',
        "0",
        0,
        None,
        True,
        "[object Object]",
        "[]",
        {"a": 1},
        ["ada"],
        "x\ufffd",
    ],
)
def test_an_id_that_may_merge_nobody_becomes_none_that_may(nobody: Any) -> None:
    event = {"event": "$identify", "properties": {"$anon_distinct_id": nobody}}

    found = after(event, properties=[], distinct_id=True)

    assert is_illegal(read_marks(closed(found, Limits()).marks).other)


def test_a_long_id_is_hashed_and_still_merges_nobody() -> None:
    found = after({"distinct_id": "a" * 200 + "b"}, properties=[], distinct_id=True)

    assert found.distinct_id == f'["{hashed("a" * 200 + "b")}"]'
    assert is_illegal(found.distinct_id)


def test_ids_stay_unless_asked_for() -> None:
    found = after({"distinct_id": "ada", "properties": {"email": "a", "$device_id": "laptop", "alias": "b"}})

    assert found.distinct_id == "ada"
    assert found.properties == {"email": hashed("a"), "$device_id": "laptop", "alias": "b"}


def test_an_id_named_twice_is_hashed_once() -> None:
    found = after({"properties": {"alias": "ada"}}, properties=["alias"], distinct_id=True)

    assert found.properties["alias"] == hashed("ada")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"key": ""}, "key has less than 32 bytes"),
        ({"key": "short"}, "openssl rand"),
        ({"properties": []}, "nothing to hash"),
        ({"properties": [""]}, "empty"),
        ({"properties": [".".join("abcdefghi")]}, "9 parts"),
        ({"length": 8}, ">= 16"),
        ({"length": 65}, "<= 64"),
        ({"skip_hashed": True}, "needs a prefix"),
        ({"distinct_id": True, "id_properties": ["alias"]}, r"lacks \$anon_distinct_id"),
    ],
)
def test_what_cannot_work_is_refused_without_showing_the_key(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        made("hash_properties", {"key": KEY, "properties": ["email"], **config})

    assert KEY not in str(refusal.value)
    assert "short" not in str(refusal.value).partition(":")[0]


def test_the_key_is_in_no_text_of_the_configuration() -> None:
    key = "k" * 40

    assert key not in repr(made("hash_properties", {"properties": ["email"], "key": key}).config)


def test_parts_that_leave_nothing_to_guard_are_refused() -> None:
    with pytest.raises(ValueError, match="parts"):
        made("hash_properties", {"key": "x" * 32, "properties": ["a"], "parts": []})


def test_a_list_that_is_changed_afterwards_is_not_remembered_so() -> None:
    step = made("hash_properties", {"key": "x" * 32, "properties": [], "distinct_id": True})
    event = opened({"event": "$identify", "properties": {"$device_id": '["a"]'}})
    before = list(step(event).get("$device_id"))  # type: ignore[union-attr]
    step(event).get("$device_id").append("b")  # type: ignore[union-attr]

    assert step(event).get("$device_id") == before  # type: ignore[union-attr]
