"""Headrace's own form: every key, every alias, every rule and every rejection."""

import json
import uuid
from typing import Any

import pytest

from schemas.identifiers import RECORDS, TEXTS
from schemas.limits import Limits
from tests.unit.schemas.decoded import LOG, RECEIVED_MS, code, decode_one, event

RECEIVED = RECEIVED_MS * 1000
PLAIN = {
    "token": "phc_1",
    "event": "signed up",
    "distinct_id": "ada",
    "uuid": "0189c7a0-0000-7000-8000-000000000001",
    "timestamp": "2023-01-01T11:00:00.5Z",
    "properties": {"plan": "pro", "seats": 3},
}


def plain(**changes: Any) -> dict[str, Any]:
    return {**PLAIN, **changes}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in PLAIN.items() if key != name}


def test_the_plain_form_arrives_whole() -> None:
    found = event(PLAIN)

    assert (found.project, found.event, found.distinct_id) == (7, "signed up", "ada")
    assert found.uuid == uuid.UUID(PLAIN["uuid"]).bytes  # type: ignore[arg-type]
    assert (found.timestamp, found.received_at) == (RECEIVED - 3599_500_000, RECEIVED)
    assert json.loads(found.properties) == PLAIN["properties"]


def test_properties_of_a_plain_event_are_not_touched() -> None:
    raw = json.dumps(PLAIN).encode().replace(b'"seats": 3', b'"seats":   3.0')

    assert b'"seats":   3.0' in event(raw).properties


@pytest.mark.parametrize("alias", [{"api_key": "phc_1"}, {"$token": "phc_1"}, {"properties": {"token": "phc_1"}}])
def test_a_token_has_three_other_names(alias: dict[str, Any]) -> None:
    assert event({**without("token"), **alias}).project == 7


@pytest.mark.parametrize("alias", [{"$distinct_id": "bob"}, {"properties": {"distinct_id": "bob"}}])
def test_a_distinct_id_has_two_other_names(alias: dict[str, Any]) -> None:
    assert event({**without("distinct_id"), **alias}).distinct_id == "bob"


@pytest.mark.parametrize(("sent", "expected"), [(12, "12"), (1.5, "1.5"), (True, "true"), (["a", 1], '["a",1]')])
def test_a_distinct_id_that_is_no_text_becomes_its_json_text(sent: Any, expected: str) -> None:
    assert event(plain(distinct_id=sent)).distinct_id == expected


def test_a_nul_in_a_distinct_id_is_replaced() -> None:
    assert event(plain(distinct_id="a\x00b")).distinct_id == "a\ufffdb"


def test_set_at_the_top_wins_per_key_over_set_inside_the_properties() -> None:
    sent = plain(properties={"$set": {"a": 1, "b": 1}, "$set_once": {"c": 1}, "$unset": ["x"], "p": 1})
    sent["$set"] = {"b": 2}
    sent["$unset"] = ["y"]

    found = event(sent)

    assert json.loads(found.set) == {"a": 1, "b": 2}
    assert (json.loads(found.set_once), json.loads(found.unset)) == ({"c": 1}, ["y", "x"])
    assert json.loads(found.properties) == {"p": 1}


@pytest.mark.parametrize("spelled", [b"{}", b"{ }", b"{\n\t}"])
def test_setting_nothing_is_saying_nothing_however_it_is_spelled(spelled: bytes) -> None:
    raw = json.dumps(PLAIN).encode()[:-1]

    found = event(raw + b',"$set":%b,"$set_once":%b}' % (spelled, spelled))

    assert (found.set, found.set_once) == (b"", b"")


def test_an_event_without_a_uuid_gets_the_same_one_each_time_it_is_read() -> None:
    name = LOG + (3).to_bytes(4) + (0).to_bytes(8)

    assert event(without("uuid")).uuid == event(without("uuid")).uuid
    assert event(without("uuid")).uuid[6] >> 4 == 5
    assert len({RECORDS, TEXTS, name}) == 3


def test_a_uuid_that_is_none_is_hashed_within_the_project_and_kept() -> None:
    one, other = event(plain(uuid="order-1")), event(plain(uuid="order-1", token="phc_2"))

    assert one.uuid != other.uuid
    assert json.loads(one.properties)["$original_uuid"] == "order-1"


def test_a_lone_surrogate_is_replaced_and_counted_and_a_pair_is_not() -> None:
    raw = json.dumps(PLAIN).encode().replace(b'"pro"', rb'"\ud83d\ude00 \ud800 \\ud800 \udc00"')

    found = event(raw)

    assert json.loads(found.properties)["plan"] == "😀 \ufffd \\ud800 \ufffd"
    assert found.repaired == 2


def test_of_duplicate_keys_the_last_one_wins() -> None:
    raw = json.dumps(PLAIN).encode().replace(b'"event": "signed up"', b'"event": "first", "event": "second"')

    assert event(raw).event == "second"


def test_numbers_beyond_64_bits_survive() -> None:
    found = event(plain(properties={"$set": {}, "big": 2**70}))

    assert json.loads(found.properties) == {"big": 2**70}


def test_an_unreadable_timestamp_falls_back_to_the_receipt_and_says_so() -> None:
    found = event(plain(timestamp="yesterday"))

    assert found.timestamp == RECEIVED
    assert json.loads(found.properties)["$timestamp_fallback"] is True


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "empty_record"),
        (b"", "empty_record"),
        (b"junk", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": "\xff"}', "not_json"),
        (b"[1]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (without("token"), "missing_token"),
        (plain(token="nope"), "unknown_token"),
        (plain(token="é"), "unknown_token"),
        (plain(token="x" * 65), "unknown_token"),
        (plain(token=5), "unknown_token"),
        (without("event"), "missing_event_name"),
        (plain(event=""), "missing_event_name"),
        (plain(event=5), "wrong_type"),
        (plain(event="e" * 201), "event_name_too_long"),
        (without("distinct_id"), "missing_distinct_id"),
        (plain(distinct_id=""), "missing_distinct_id"),
        (plain(distinct_id="d" * 201), "distinct_id_too_long"),
        (plain(properties=[]), "wrong_type"),
        (plain(properties={"$set": 5}), "wrong_type"),
        (plain(timestamp="1969-01-01T00:00:00Z"), "timestamp_out_of_range"),
        (plain(timestamp="2300-01-01T00:00:00Z"), "timestamp_out_of_range"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (plain(properties={"x": "y" * 1_000_000}), "too_large"),
        (plain(properties={f"k{n}": n for n in range(10_001)}), "too_many_properties"),
    ],
)
def test_every_rejection_has_its_code(value: Any, expected: str) -> None:
    assert code(value) == expected


def test_limits_are_exact() -> None:
    longest = plain(event="e" * 200, distinct_id="d" * 200)
    deepest: Any = 1
    for _ in range(62):
        deepest = [deepest]

    assert event(longest).event == "e" * 200
    assert event(plain(properties={"deep": deepest})).properties
    assert code(plain(properties={"deep": [deepest]})) == "too_deep"
    assert code(PLAIN, limits=Limits(event_bytes=10)) == "too_large"


def test_a_rejection_after_the_token_knows_its_project() -> None:
    found = decode_one(plain(event=""))

    assert found.project == 7


def test_a_line_that_the_importer_marked_is_rejected_with_its_number() -> None:
    found = decode_one(b"GET / nonsense", headers=[("headrace-unparsable-line", b"17")])

    assert getattr(found, "code", None) == "unparsable_line"
    assert "line 17" in getattr(found, "message", "")
