"""What somebody came with first goes into `$set_once`."""

import pytest

from transforms.testing import made, opened, run


def test_what_the_event_has_is_offered_as_first() -> None:
    after = run("set_first_seen", {"properties": {"$current_url": "https://a.example/", "gclid": "x", "plan": "pro"}})

    assert dict(after.set_once) == {
        "$initial_current_url": "https://a.example/",
        "$initial_gclid": "x",
        "$first_seen_at": "2026-09-21T12:00:00.000000Z",
    }
    assert dict(after.properties) == {"$current_url": "https://a.example/", "gclid": "x", "plan": "pro"}


@pytest.mark.parametrize(
    "moment",
    ["1970-01-01T00:00:00.000000Z", "2026-09-21T23:59:59.999999Z", "2261-12-31T00:00:00.000001Z"],
)
def test_the_time_is_the_events_own(moment: str) -> None:
    after = run("set_first_seen", {"timestamp": moment.replace("Z", "+00:00")})

    assert after.set_once["$first_seen_at"] == moment


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_said_is_not_remembered(value: object) -> None:
    event = opened({"properties": {"utm_source": value}})

    assert made("set_first_seen", {"seen_at": ""})(event) is event


@pytest.mark.parametrize("value", [0, False, 2**70, ["a"], {"a": 1}])
def test_any_other_value_is_remembered_as_it_is(value: object) -> None:
    event = opened({"properties": {"utm_source": value}})
    after = made("set_first_seen")(event)

    assert after.set_once["$initial_utm_source"] == event.properties["utm_source"]


def test_what_the_sender_set_stays() -> None:
    said = {"properties": {"utm_source": "mail"}, "$set_once": {"$initial_utm_source": "news", "plan": "pro"}}
    after = run("set_first_seen", said, {"seen_at": ""})

    assert dict(after.set_once) == {"$initial_utm_source": "news", "plan": "pro"}


def test_names_can_be_chosen() -> None:
    config = {"properties": ["$referrer", "shop"], "prefix": "first_", "seen_at": "first_seen"}
    after = run("set_first_seen", {"properties": {"$referrer": "r", "shop": "s", "utm_source": "mail"}}, config)

    assert set(after.set_once) == {"first_referrer", "first_shop", "first_seen"}


def test_only_the_events_named_count() -> None:
    step, other = made("set_first_seen", {"events": ["$pageview"]}), opened({"event": "heartbeat"})

    assert step(other) is other
    assert step(opened({"event": "$pageview"})).set_once


def test_an_event_about_nobody_is_left_alone() -> None:
    event = opened({"properties": {"utm_source": "mail", "$process_person_profile": False}})

    assert made("set_first_seen")(event) is event


def test_twice_is_once() -> None:
    step = made("set_first_seen")
    after = step(opened({"properties": {"utm_source": "mail"}}))

    assert step(after) is after
