"""E-mail addresses in one spelling: UID2's published normal forms and hashes, UTS 46 for domains."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event import Rejected
from tests.conformance.normalize_email import results
from transforms.testing import made, opened, run

NO_ADDRESSES = [
    "ada",
    "@example.org",
    "ada@",
    "ada@localhost",
    "ada@@example.org",
    "ada lovelace@example.org",
    '"ada lovelace"@example.org',
    "Ada <ada@example.org>",
    "ada@exam_ple.org",
    "ada@-example.org",
    "ada@example..org",
    "ada@example.org.",
    f"{'a' * 65}@example.org",
    f"ada@{'a' * 64}.org",
    f"ada@{'a.' * 130}org",
    "+news@gmail.com",
    "ada\x00@example.org",
    7,
    True,
    ["ada@example.org"],
    {},
]


def test_every_address_of_the_vectors_is_written_in_one_way() -> None:
    assert [label for label, passed in results() if not passed] == []


def test_the_hash_is_the_one_that_meta_gives_as_its_example() -> None:
    after = run("normalize_email", {"properties": {"email": " John_Smith@Gmail.com"}})

    assert hashlib.sha256(after.properties["email"].encode()).hexdigest() == (
        "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "ada.l+news@googlemail.com"),
        ({"gmail_dots": True}, "adal+news@googlemail.com"),
        ({"gmail_suffix": True}, "ada.l@googlemail.com"),
    ],
)
def test_the_spellings_of_gmail_become_one_as_far_as_asked(config: dict[str, bool], expected: str) -> None:
    assert run("normalize_email", {"properties": {"email": "Ada.L+news@GoogleMail.com"}}, config).properties[
        "email"
    ] == (expected)


@pytest.mark.parametrize("value", NO_ADDRESSES)
def test_what_is_no_address_stays_goes_or_rejects_the_event(value: object) -> None:
    event = opened({"properties": {"email": value, "plan": "pro"}})
    config = {"gmail_suffix": True}

    assert made("normalize_email", config)(event) is event
    assert dict(made("normalize_email", config | {"invalid": "remove"})(event).properties) == {"plan": "pro"}
    assert isinstance(made("normalize_email", config | {"invalid": "reject"})(event), Rejected)


def test_a_rejection_names_the_property_and_not_its_content() -> None:
    rejected = run("normalize_email", {"$set": {"email": "secret"}}, {"invalid": "reject"})

    assert "email" in rejected.message
    assert "secret" not in rejected.message


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_said_is_nothing_wrong(value: object) -> None:
    event = opened({"properties": {"email": value}})

    assert made("normalize_email", {"invalid": "reject"})(event) is event


def test_person_properties_are_written_alike() -> None:
    after = run("normalize_email", {"$set": {"email": "A@B.org"}, "$set_once": {"email": "A@B.org"}})

    assert (dict(after.set), dict(after.set_once)) == ({"email": "a@b.org"}, {"email": "a@b.org"})


@given(st.text(max_size=12), st.text(max_size=12), st.booleans())
def test_an_address_in_its_form_stays_as_it_is(local: str, domain: str, gmail: bool) -> None:
    step = made("normalize_email", {"gmail_dots": gmail, "gmail_suffix": gmail})
    after = step(opened({"properties": {"email": f"{local}@{domain}.example"}}))

    assert step(after) is after


def test_how_often_an_address_was_known_can_be_shown() -> None:
    step = made("normalize_email")
    for _ in range(3):
        step(opened({"properties": {"email": "Ada@example.org"}}))

    assert step.cache_info().hits == 2
