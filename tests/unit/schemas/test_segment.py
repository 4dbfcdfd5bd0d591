"""The calls of the Segment spec, one test a rule.

Shapes follow the publishers' pages "Spec: Common fields", "Identify", "Page", "Screen", "Group" and "Alias"
(twilio.com/docs/segment/connections/spec) and RudderStack's "Event specification"
(rudderstack.com/docs/event-spec/standard-events); the data is our own.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.timestamps import micros
from tests.unit.schemas.decoded import RECEIVED_MS, code, event

FULL_CONTEXT = {
    "active": True,
    "app": {"name": "Till", "version": "5.4", "build": "5.4.1.77", "namespace": "example.till"},
    "campaign": {"name": "spring", "source": "mail", "medium": "email", "term": "tea", "content": "link", "id": "c1"},
    "device": {
        "id": "b5372db0",
        "advertisingId": "7a3cbea0",
        "adTrackingEnabled": True,
        "manufacturer": "Apple",
        "model": "iPhone7,2",
        "name": "maguro",
        "type": "ios",
        "token": "ff15bc0c",
    },
    "ip": "192.0.2.8",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "locale": "de-DE",
    "network": {"carrier": "Example Mobile", "cellular": True, "wifi": False},
    "os": {"name": "iOS", "version": "17.1"},
    "page": {
        "path": "/tea/",
        "referrer": "https://search.example/",
        "search": "?q=tea",
        "title": "Tea",
        "url": "https://shop.example/tea/?q=tea",
    },
    "referrer": {"id": "r1", "type": "dataxu"},
    "screen": {"width": 320, "height": 568, "density": 2, "innerWidth": 300, "innerHeight": 500},
    "timezone": "Europe/Berlin",
    "groupId": "g1",
    "traits": {"plan": "pro"},
    "userAgent": "Mozilla/5.0 (iPhone)",
}


def call(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "writeKey": "phc_1", "userId": "ada", "messageId": "ajs-1f2e", **more}


def properties(kind: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event(call(kind, **more)).properties)
    assert found.pop("$original_uuid") == "ajs-1f2e"
    return found


def test_everything_in_a_full_context_has_its_place() -> None:
    assert properties("track", event="e", context=FULL_CONTEXT) == {
        "$app_name": "Till",
        "$app_version": "5.4",
        "$app_build": "5.4.1.77",
        "$app_namespace": "example.till",
        "utm_campaign": "spring",
        "utm_source": "mail",
        "utm_medium": "email",
        "utm_term": "tea",
        "utm_content": "link",
        "utm_id": "c1",
        "$device_id": "b5372db0",
        "$device_manufacturer": "Apple",
        "$device_model": "iPhone7,2",
        "$device_name": "maguro",
        "$device_type": "ios",
        "$ip": "192.0.2.8",
        "$lib": "analytics.js",
        "$lib_version": "2.11.1",
        "$locale": "de-DE",
        "$os": "iOS",
        "$os_version": "17.1",
        "$pathname": "/tea/",
        "$referrer": "https://search.example/",
        "$search": "?q=tea",
        "$title": "Tea",
        "$current_url": "https://shop.example/tea/?q=tea",
        "$screen_width": 320,
        "$screen_height": 568,
        "$screen_density": 2,
        "$viewport_width": 300,
        "$viewport_height": 500,
        "$timezone": "Europe/Berlin",
        "$raw_user_agent": "Mozilla/5.0 (iPhone)",
        "context": {
            "active": True,
            "device": {"advertisingId": "7a3cbea0", "adTrackingEnabled": True, "token": "ff15bc0c"},
            "network": {"carrier": "Example Mobile", "cellular": True, "wifi": False},
            "referrer": {"id": "r1", "type": "dataxu"},
            "groupId": "g1",
            "traits": {"plan": "pro"},
        },
    }


def test_a_property_wins_over_the_context_and_nothing_of_either_is_lost() -> None:
    own = {"$ip": "198.51.100.1", "$locale": "de-DE", "context": {"mine": 1, "active": False}}
    context = {"ip": "192.0.2.8", "locale": "de-DE", "active": True, "tab": 3}

    found = properties("track", event="e", properties=own, context=context)

    assert found == own | {"context": {"ip": "192.0.2.8", "tab": 3, "mine": 1, "active": False}}


@pytest.mark.parametrize("context", [None, "", {}])
def test_no_context_leaves_no_trace(context: Any) -> None:
    assert properties("track", event="e", properties={"a": 1}, context=context) == {"a": 1}


@pytest.mark.parametrize("context", ["text", 5, ["a"]])
def test_a_context_that_is_no_object_is_kept_as_it_came(context: Any) -> None:
    assert properties("track", event="e", context=context) == {"context": context}


def test_a_page_is_named_and_its_own_properties_count_as_the_page() -> None:
    own = {"url": "https://shop.example/", "path": "/", "title": "Home", "referrer": "", "search": ""}

    found = properties("page", name="Home", category="Shop", properties=own)

    assert found == own | {
        "name": "Home",
        "category": "Shop",
        "$current_url": "https://shop.example/",
        "$pathname": "/",
        "$title": "Home",
        "$referrer": "",
        "$search": "",
    }


def test_a_screen_is_named() -> None:
    assert properties("screen", name="Home", properties={"Feed Type": "private"}) == {
        "Feed Type": "private",
        "$screen_name": "Home",
    }


def test_traits_of_an_identify_call_may_stand_in_its_context() -> None:
    found = event(call("identify", context={"traits": {"name": "Ada"}, "locale": "de"}))
    both = event(call("identify", traits={"name": "Top"}, context={"traits": {"name": "Ada"}}))

    assert (found.set, json.loads(found.properties)["$locale"]) == (b'{"name":"Ada"}', "de")
    assert b"context" not in found.properties
    assert both.set == b'{"name":"Top"}'


def test_an_alias_without_a_previous_id_has_none() -> None:
    assert properties("alias") == {}
    assert properties("alias", previousId="old") == {"alias": "old"}


def test_a_group_carries_its_key_and_its_traits() -> None:
    assert properties("group", groupId="g1", traits={"name": "Acme"}) == {
        "$group_key": "g1",
        "$group_set": {"name": "Acme"},
    }


def test_numbers_as_ids_become_text_and_empty_ids_are_none() -> None:
    assert event(call("track", event="e", userId=97)).distinct_id == "97"
    assert event(call("track", event="e", userId="", anonymousId="a")).distinct_id == "a"
    assert code(call("track", event="e", userId=None)) == "missing_distinct_id"


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"timestamp": "11:00:00", "sentAt": "12:00:10", "receivedAt": "12:00:00"}, "10:59:50"),
        ({"originalTimestamp": "11:00:00", "sentAt": "12:00:10"}, "10:59:50"),
        ({"timestamp": "11:00:00", "originalTimestamp": "10:59:00", "sentAt": "12:00:10"}, "11:00:00"),
        ({"timestamp": "11:00:00"}, "11:00:00"),
        ({}, "12:00:00"),
    ],
)
def test_a_time_is_corrected_once(times: dict[str, str], expected: str) -> None:
    sent = {name: f"2023-01-01T{clock}.000Z" for name, clock in times.items()}

    found = event(call("track", event="e", **sent))

    assert found.timestamp == micros(datetime.fromisoformat(f"2023-01-01T{expected}").replace(tzinfo=UTC))
    assert found.received_at == RECEIVED_MS * 1000


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"properties": "text"}, "wrong_type"),
        ({"properties": ["a"]}, "wrong_type"),
        ({"event": None}, "missing_event_name"),
        ({"writeKey": None}, "missing_token"),
        ({"event": 5}, "wrong_type"),
    ],
)
def test_what_is_wrong_with_a_call_is_named(wrong: dict[str, Any], expected: str) -> None:
    assert code(call("track", **{"event": "e", **wrong})) == expected


def test_traits_that_are_no_object_are_refused() -> None:
    assert code(call("identify", traits="text")) == "wrong_type"


def test_an_import_may_mark_its_calls_as_historical() -> None:
    assert event(call("track", event="e", historical=True)).historical


def test_another_type_is_no_call() -> None:
    assert event({"type": "order", "token": "phc_1", "event": "e", "distinct_id": "d"}).event == "e"
    assert event({"type": ["track"], "token": "phc_1", "event": "e", "distinct_id": "d"}).event == "e"


def test_traits_of_a_visitor_without_a_user_are_no_login() -> None:
    # A newsletter form: were it an $identify without another id, the visitor's real login would be refused later.
    found = event(
        {"type": "identify", "writeKey": "phc_1", "anonymousId": "anon-1", "traits": {"email": "ada@example.org"}}
    )

    assert (found.event, found.distinct_id, found.marks) == ("$set", "anon-1", b"")
    assert found.set == b'{"email":"ada@example.org"}'


def test_a_receipt_is_never_later_than_the_record() -> None:
    late = {"timestamp": "2199-01-01T00:00:00Z", "receivedAt": "2199-01-01T00:00:00Z"}

    found = event(call("track", event="e", **late))

    assert found.timestamp == found.received_at < 2**52
