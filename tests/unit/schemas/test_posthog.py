"""The envelope of PostHog's capture service, one test a rule.

The shape follows the struct CapturedEvent of its public source (rust/common/types/src/event.rs); the data is our own.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.timestamps import micros
from tests.unit.schemas.decoded import RECEIVED_MS, code, event


def envelope(inner: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "uuid": "0189c7a0-0000-7000-8000-000000000002",
        "distinct_id": "device-1",
        "ip": "203.0.113.9",
        "data": json.dumps({"event": "e", **inner}),
        "now": "2023-01-01T12:00:05.000000000Z",
        "sent_at": "",
        "token": "phc_1",
        **more,
    }


def test_the_envelope_decides_who_and_where() -> None:
    found = event(envelope({"uuid": "other", "distinct_id": "other", "token": "phc_2"}))

    assert found.uuid.hex() == "0189c7a00000700080000000000000" + "02"
    assert (found.distinct_id, found.project) == ("device-1", 7)


def test_what_the_envelope_leaves_open_the_event_says() -> None:
    inner = {"uuid": "0189c7a0-0000-7000-8000-00000000000a", "$distinct_id": "inner", "properties": {"token": "phc_2"}}

    found = event(envelope(inner, uuid=None, distinct_id="", token=None))

    assert found.uuid.hex().endswith("0a")
    assert (found.distinct_id, found.project) == ("inner", 8)


def test_the_event_decides_what_and_when() -> None:
    outside = {"event": "outside", "timestamp": "2023-01-01T10:00:00Z"}

    named = event(envelope({"event": "inside", "timestamp": "2023-01-01T11:00:00Z"}, **outside))
    unnamed = event(envelope({"event": ""}, **outside))

    assert (named.event, unnamed.event) == ("inside", "outside")
    assert named.timestamp - unnamed.timestamp == 3_600_000_000


def test_now_is_the_receipt_that_an_age_counts_from() -> None:
    found = event(envelope({"offset": 5_000}, now="2023-01-01T11:59:50Z"))

    assert found.received_at == micros(datetime(2023, 1, 1, 11, 59, 50, tzinfo=UTC))
    assert found.timestamp == found.received_at - 5_000_000


def test_a_receipt_is_never_later_than_the_record() -> None:
    found = event(envelope({}, now="2199-01-01T00:00:00Z"))

    assert found.received_at == found.timestamp == RECEIVED_MS * 1000


def test_a_wrong_clock_is_corrected_unless_the_event_forbids_it() -> None:
    inner = {"timestamp": "2023-01-01T11:59:55Z"}
    sent_at = {"sent_at": "2023-01-01T12:00:15Z", "now": "2023-01-01T12:00:00Z"}

    corrected = event(envelope(inner, **sent_at))
    as_it_is = event(envelope(inner | {"properties": {"$ignore_sent_at": True}}, **sent_at))

    assert as_it_is.timestamp - corrected.timestamp == 15_000_000


@pytest.mark.parametrize("own", ["198.51.100.1", None, ""])
def test_an_address_that_the_event_names_is_kept(own: Any) -> None:
    assert json.loads(event(envelope({"properties": {"$ip": own}})).properties)["$ip"] == own


def test_without_an_address_there_is_none() -> None:
    assert event(envelope({}, ip="")).properties == b"{}"
    assert event(envelope({}, ip=None)).properties == b"{}"


def test_person_properties_may_stand_at_both_levels_of_the_event() -> None:
    found = event(envelope({"$set": {"a": 1}, "properties": {"$set": {"a": 0, "b": 2}, "$set_once": {"c": 3}}}))

    assert (json.loads(found.set), json.loads(found.set_once)) == ({"a": 1, "b": 2}, {"c": 3})


def test_surrogates_are_counted_at_both_levels_of_encoding() -> None:
    value = json.dumps(envelope({"properties": {"a": "\ud800"}})).encode().replace(b"device-1", rb"device-\udfff")

    found = event(value)

    assert (found.repaired, found.distinct_id) == (2, "device-\ufffd")
    assert json.loads(found.properties)["a"] == "\ufffd"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ("[]", "not_an_object"),
        ('"text"', "not_an_object"),
        ("null", "not_an_object"),
        ("{}", "missing_event_name"),
        ("[" * 99 + "]" * 99, "too_deep"),
        ('{"event":"e","properties":[]}', "wrong_type"),
    ],
)
def test_what_is_wrong_inside_is_named(data: str, expected: str) -> None:
    assert code(envelope({}, data=data)) == expected


def test_data_that_is_no_text_makes_no_envelope() -> None:
    own = {"data": {"event": "inside"}, "now": "x", "token": "phc_1", "event": "outside", "distinct_id": "d"}

    assert event(own).event == "outside"
