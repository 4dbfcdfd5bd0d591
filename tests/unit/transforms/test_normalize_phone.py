"""Telephone numbers in E.164: the example numbers of every country, in every spelling."""

import pytest

from schemas.event import Rejected
from tests.conformance.normalize_phone import DEVIATIONS, results
from transforms.testing import made, opened, run


def test_every_number_of_the_vectors_is_written_in_one_way() -> None:
    assert {label for label, passed in results() if not passed} == set(DEVIATIONS)


def test_person_properties_are_written_alike() -> None:
    said = {
        "properties": {"phone": "030 901820"},
        "$set": {"phone": "030/901820"},
        "$set_once": {"phone": "030-901820"},
    }
    after = run("normalize_phone", said, {"region": "DE"})

    assert [dict(content)["phone"] for content in (after.properties, after.set, after.set_once)] == ["+4930901820"] * 3


def test_a_number_is_read_like_its_digits() -> None:
    assert run("normalize_phone", {"properties": {"phone": 6503336000}}, {"region": "US"}).properties["phone"] == (
        "+16503336000"
    )


def test_without_a_region_only_numbers_with_a_country_are_understood() -> None:
    step = made("normalize_phone", {"properties": ["a", "b"], "invalid": "remove"})
    after = step(opened({"properties": {"a": "+1 650-333-6000", "b": "650-333-6000"}}))

    assert dict(after.properties) == {"a": "+16503336000"}


@pytest.mark.parametrize("value", ["ask me", "110", "+1 555", "+" * 300, True, 1.5, 2**70, ["+16503336000"], {}])
def test_what_is_no_number_stays_goes_or_rejects_the_event(value: object) -> None:
    event = opened({"properties": {"phone": value, "plan": "pro"}})

    assert made("normalize_phone")(event) is event
    assert dict(made("normalize_phone", {"invalid": "remove"})(event).properties) == {"plan": "pro"}
    assert isinstance(made("normalize_phone", {"invalid": "reject"})(event), Rejected)


def test_a_rejection_names_the_property_and_not_its_content() -> None:
    rejected = run("normalize_phone", {"$set": {"phone": "secret"}}, {"invalid": "reject"})

    assert "phone" in rejected.message
    assert "secret" not in rejected.message


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_said_is_nothing_wrong(value: object) -> None:
    event = opened({"properties": {"phone": value}})

    assert made("normalize_phone", {"invalid": "reject"})(event) is event


def test_a_number_in_e164_stays_as_it_is() -> None:
    event = opened({"properties": {"phone": "+4930901820"}})

    assert made("normalize_phone")(event) is event


def test_a_region_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="ISO 3166"):
        made("normalize_phone", {"region": "Germany"})


def test_how_often_a_number_was_known_can_be_shown() -> None:
    step = made("normalize_phone")
    for _ in range(3):
        step(opened({"properties": {"phone": "+49 30 901820"}}))

    assert step.cache_info().hits == 2
