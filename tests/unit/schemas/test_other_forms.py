"""The PostHog capture envelope, the Segment spec, and Avro."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest

from schemas.avro import parse_schema
from schemas.timestamps import micros
from tests.unit.schemas.decoded import RECEIVED_MS, code, event


def envelope(data: Any, **changes: Any) -> dict[str, Any]:
    text = data if isinstance(data, str) else json.dumps(data)
    return {
        "uuid": "0189c7a0-0000-7000-8000-000000000002",
        "distinct_id": "device-1",
        "ip": "203.0.113.9",
        "data": text,
        "now": "2023-01-01T12:00:05Z",
        "token": "phc_1",
        **changes,
    }


def test_the_event_inside_a_capture_envelope_arrives() -> None:
    inner = {
        "event": "$pageview",
        "timestamp": "2023-01-01T11:59:55Z",
        "properties": {"$current_url": "https://x.y/"},
    }

    found = event(envelope(inner, sent_at="2023-01-01T12:00:10Z"))

    assert (found.project, found.event, found.distinct_id) == (7, "$pageview", "device-1")
    assert found.received_at == micros(datetime(2023, 1, 1, 12, 0, 5, tzinfo=UTC))
    assert found.timestamp == micros(datetime(2023, 1, 1, 11, 59, 50, tzinfo=UTC))
    assert json.loads(found.properties) == {"$current_url": "https://x.y/", "$ip": "203.0.113.9"}


def test_an_address_among_the_properties_is_kept() -> None:
    found = event(envelope({"event": "e", "properties": {"$ip": "198.51.100.1"}}))

    assert json.loads(found.properties)["$ip"] == "198.51.100.1"


@pytest.mark.parametrize(
    ("data", "expected"), [("junk", "not_json"), ("[1]", "not_an_object"), ("{}", "missing_event_name")]
)
def test_what_is_wrong_inside_an_envelope_is_named(data: str, expected: str) -> None:
    assert code(envelope(data)) == expected


def call(kind: str, **changes: Any) -> dict[str, Any]:
    """A call as the public Segment spec describes its common fields."""
    return {
        "type": kind,
        "writeKey": "phc_1",
        "messageId": "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
        "anonymousId": "23adfd82-aa0f-45a7-a756-24f2a7a4c895",
        "userId": "97980cfea0067",
        "timestamp": "2023-01-01T11:00:00.000Z",
        "context": {
            "ip": "8.8.8.8",
            "userAgent": "Mozilla/5.0",
            "locale": "en-US",
            "page": {"url": "https://x.y/pricing", "referrer": "https://google.com/", "tab": 3},
            "campaign": {"name": "spring", "source": "news"},
            "library": {"name": "analytics.js", "version": "2.11.1"},
            "app": {"name": "InitechGlobal", "version": "545"},
            "active": True,
        },
        **changes,
    }


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("track", "Order Completed"),
        ("page", "$pageview"),
        ("screen", "$screen"),
        ("identify", "$identify"),
        ("group", "$groupidentify"),
        ("alias", "$create_alias"),
    ],
)
def test_each_kind_of_call_becomes_its_event(kind: str, name: str) -> None:
    found = event(call(kind, event="Order Completed"))

    assert (found.event, found.distinct_id, found.project) == (name, "97980cfea0067", 7)


def test_the_context_becomes_properties_and_the_rest_stays_under_context() -> None:
    properties = json.loads(event(call("track", event="e", properties={"$ip": "own"})).properties)

    assert properties == {
        "$ip": "own",
        "$raw_user_agent": "Mozilla/5.0",
        "$locale": "en-US",
        "$current_url": "https://x.y/pricing",
        "$referrer": "https://google.com/",
        "utm_campaign": "spring",
        "utm_source": "news",
        "$lib": "analytics.js",
        "$lib_version": "2.11.1",
        "$app_name": "InitechGlobal",
        "$app_version": "545",
        "context": {"ip": "8.8.8.8", "page": {"tab": 3}, "active": True},
    }


def test_identify_sets_traits_and_claims_the_anonymous_id() -> None:
    found = event(call("identify", traits={"plan": "pro"}))

    assert json.loads(found.set) == {"plan": "pro"}
    assert json.loads(found.properties)["$anon_distinct_id"] == "23adfd82-aa0f-45a7-a756-24f2a7a4c895"


def test_without_a_user_the_anonymous_id_is_the_distinct_id() -> None:
    found = event(call("identify", userId=None))

    assert found.distinct_id == "23adfd82-aa0f-45a7-a756-24f2a7a4c895"
    assert "$anon_distinct_id" not in json.loads(found.properties)


def test_alias_and_group_carry_their_ids() -> None:
    alias = json.loads(event(call("alias", previousId="old")).properties)
    group = json.loads(event(call("group", groupId="g1", traits={"name": "Initech"})).properties)

    assert alias["alias"] == "old"
    assert (group["$group_key"], group["$group_set"]) == ("g1", {"name": "Initech"})


def test_the_receipt_of_a_call_is_its_own_and_a_corrected_time_is_not_corrected_again() -> None:
    received = "2023-01-01T12:00:00.000Z"
    raw = event(call("track", event="e", sentAt="2023-01-01T12:00:10Z", receivedAt=received))
    done = event(
        call(
            "track",
            event="e",
            originalTimestamp="2023-01-01T10:00:00Z",
            sentAt="2023-01-01T12:00:10Z",
            receivedAt=received,
        )
    )

    eleven = micros(datetime(2023, 1, 1, 11, tzinfo=UTC))
    assert (raw.timestamp, done.timestamp) == (eleven - 10_000_000, eleven)


SCHEMA = parse_schema(
    {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "token", "type": "string"},
            {"name": "event", "type": "string"},
            {"name": "distinct_id", "type": "string"},
            {"name": "timestamp", "type": ["null", "string"], "default": None},
            {"name": "properties", "type": {"type": "map", "values": ["null", "string", "long", "double"]}},
            {"name": "set", "type": ["null", "string"], "default": None},
        ],
    }
)


def avro(**changes: Any) -> bytes:
    stream = io.BytesIO()
    record = {"token": "phc_1", "event": "e", "distinct_id": "ada", "properties": {"a": 1}, **changes}
    fastavro.schemaless_writer(stream, SCHEMA, record)
    return b"\x00" + (5).to_bytes(4) + stream.getvalue()


def test_an_avro_record_arrives_with_its_properties() -> None:
    found = event(avro(set='{"plan":"pro"}'), avro={5: SCHEMA})

    assert (found.event, found.distinct_id, found.received_at) == ("e", "ada", RECEIVED_MS * 1000)
    assert (json.loads(found.properties), json.loads(found.set)) == ({"a": 1}, {"plan": "pro"})


def test_what_is_wrong_with_an_avro_record_is_named() -> None:
    known = {"avro": {5: SCHEMA}}

    assert code(avro()) == "unknown_schema"
    assert code(avro()[:-3], **known) == "bad_avro"
    assert code(avro() + b"x", **known) == "bad_avro"
    assert code(b"\x00\x00", **known) == "bad_avro"
    assert code(avro(set="junk"), **known) == "not_json"
