"""Without consent an event goes, or what is personal in it."""

from pathlib import Path
from typing import Any

import pytest

from schemas.event import Dropped
from transforms.require_consent import RequireConsent, read_consents
from transforms.testing import Fixed, made, opened, run

ANALYTICS: dict[str, Any] = {"purposes": ["analytics"]}


def passes(consent: Any, **config: Any) -> bool:
    after = run("require_consent", {"properties": {"consent": consent}}, {**ANALYTICS, **config})
    return not isinstance(after, Dropped)


@pytest.mark.parametrize(
    "consent",
    [
        ["analytics"],
        ["ads", "analytics"],
        {"analytics": True},
        {"analytics": "granted", "ads": "denied"},
        "analytics",
        "ads, analytics ,x",
    ],
)
def test_granted(consent: object) -> None:
    assert passes(consent)


@pytest.mark.parametrize(
    "consent",
    [
        None,
        [],
        ["Analytics"],
        ["ads"],
        {},
        {"analytics": False},
        {"analytics": "denied"},
        {"analytics": 1},
        {"analytics": "true"},
        {"analytics": None},
        {"analytics": {}},
        "",
        "ads",
        "analytics2",
        "not analytics",
        True,
        1,
        [["analytics"]],
        [{"analytics": True}],
    ],
)
def test_not_granted(consent: object) -> None:
    assert not passes(consent)


def test_every_purpose_is_needed() -> None:
    assert not passes(["analytics"], purposes=["analytics", "ads"])
    assert passes(["analytics", "ads"], purposes=["analytics", "ads"])


@pytest.mark.parametrize("properties", [{}, {"consent": None}, {"consent": 7}, {"consent": {"granted": None}}])
def test_nothing_said_is_a_no_unless_set_otherwise(properties: dict[str, Any]) -> None:
    config = {**ANALYTICS, "consent": "consent.granted"}

    assert isinstance(run("require_consent", {"properties": properties}, config), Dropped)
    assert not isinstance(
        run("require_consent", {"properties": properties}, {**config, "absent_is": "granted"}), Dropped
    )


def test_a_no_is_a_no_whatever_silence_means() -> None:
    assert not passes([], absent_is="granted")
    assert not passes(True, absent_is="granted")


@pytest.mark.parametrize("properties", [{"a.b": ["analytics"]}, {"a": {"b": ["analytics"]}}])
def test_dots_lead_into_objects_or_belong_to_the_name(properties: dict[str, Any]) -> None:
    event = opened({"properties": properties})

    assert made("require_consent", {**ANALYTICS, "consent": "a.b"})(event) is event


def test_what_is_personal_goes_and_the_distinct_id_stays() -> None:
    config = {**ANALYTICS, "action": "strip", "remove": ["email", "$ip"]}
    said = {"email": "ada@example.com", "plan": "pro"}
    transform = made("require_consent", config)
    after = transform(
        opened({"distinct_id": "ada", "properties": {**said, "$ip": "::1"}, "$set": said, "$set_once": said})
    )

    assert (dict(after.properties), dict(after.set), dict(after.set_once)) == ({"plan": "pro"},) * 3
    assert after.distinct_id == "ada"
    assert transform(after) is after


def test_a_file_speaks_for_those_whose_events_say_nothing(tmp_path: Path) -> None:
    file = tmp_path / "consents.json"
    file.write_text('{"ada": ["analytics"], "bob": []}')
    config = {**ANALYTICS, "file": str(file)}
    source = RequireConsent.sources(RequireConsent.Config(purposes=("analytics",), file=str(file)))["consents"]
    transform = made("require_consent", config, {"consents": Fixed(source.read(source.place))})

    def outcome(distinct_id: str, **properties: Any) -> bool:
        return not isinstance(transform(opened({"distinct_id": distinct_id, "properties": properties})), Dropped)

    assert [outcome("ada"), outcome("bob"), outcome("eve")] == [True, False, False]
    assert [outcome("ada", consent=[]), outcome("bob", consent="analytics")] == [False, True]


@pytest.mark.parametrize("content", ["", "[]", "7", "{"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "consents.json"
    file.write_text(content)

    with pytest.raises(ValueError, match="distinct id"):
        read_consents(str(file))


@pytest.mark.parametrize(
    "config",
    [{}, {"purposes": []}, {**ANALYTICS, "action": "strip"}, {**ANALYTICS, "remove": ["email"]}],
)
def test_a_configuration_that_guards_nothing_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        made("require_consent", config)


def test_what_stands_inside_of_objects_and_lists_goes_as_well() -> None:
    config = {**ANALYTICS, "action": "strip", "remove": ["user.email", "guests.email", "pii_*"]}
    said = {"user": {"email": 1, "plan": 2}, "guests": [{"email": 1}], "pii_a": 1}

    after = run("require_consent", {"properties": said, "$set": said, "$set_once": said}, config)

    left = {"user": {"plan": 2}, "guests": [{}]}
    assert (dict(after.properties), dict(after.set), dict(after.set_once)) == (left, left, left)


@pytest.mark.parametrize("name", ["", "a.b.c.d.e.f.g.h.i"])
def test_what_could_never_be_removed_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        made("require_consent", {**ANALYTICS, "action": "strip", "remove": [name]})
