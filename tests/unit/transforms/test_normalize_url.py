"""One page has one address: the examples of RFC 3986, and what the configuration asks for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance import normalize_url
from transforms.testing import made, opened, run

RESULTS = normalize_url.results()
ALL_RULES = {"trailing_slash": "remove", "remove_fragment": True, "sort_parameters": True}


def normal(url: str, **config: Any) -> Any:
    return run("normalize_url", {"properties": {"$current_url": url}}, config).get("$current_url")


@pytest.mark.parametrize(("label", "passed"), RESULTS, ids=[label for label, _ in RESULTS])
def test_it_spells_addresses_as_the_standard_does(label: str, passed: bool) -> None:
    assert passed is (label not in normalize_url.DEVIATIONS)


@pytest.mark.parametrize(
    ("rule", "path", "expected"),
    [
        ("remove", "/a/", "/a"),
        ("remove", "/", "/"),
        ("remove", "/a//", "/a"),
        ("add", "/a", "/a/"),
        ("add", "/a.html", "/a.html"),
        ("add", "", "/"),
        ("keep", "/a/", "/a/"),
    ],
)
def test_the_trailing_slash_follows_its_rule(rule: str, path: str, expected: str) -> None:
    assert normal(f"https://shop.example{path}", trailing_slash=rule) == f"https://shop.example{expected}"


def test_tracking_parameters_go_however_their_names_are_spelled() -> None:
    assert normal("https://a.example/?UTM_Source=x&%67clid=y&id=1&fbclid=z") == "https://a.example/?id=1"
    assert normal("https://a.example/?utm_source=x#top") == "https://a.example/#top"


def test_which_parameters_go_can_be_set() -> None:
    assert (
        normal("https://a.example/?utm_source=x&ref=y", remove_parameters=["ref"]) == "https://a.example/?utm_source=x"
    )


def test_parameters_of_one_name_keep_their_order() -> None:
    assert normal("https://a.example/?b=2&a=2&a=1&b", sort_parameters=True) == "https://a.example/?a=2&a=1&b=2&b"


def test_a_fragment_stays_unless_it_is_to_go() -> None:
    assert normal("https://a.example/#/cart") == "https://a.example/#/cart"
    assert normal("https://a.example/#/cart", remove_fragment=True) == "https://a.example/"


@pytest.mark.parametrize("value", ["/a/../b", "not a url", "http://[", "", None, 7, ["https://A.example"]])
def test_what_is_no_address_stays(value: object) -> None:
    event = opened({"properties": {"$current_url": value}})

    assert made("normalize_url")(event) is event


@given(path=st.text(), config=st.sampled_from([{}, ALL_RULES, {"trailing_slash": "add"}]))
def test_twice_is_once(path: str, config: dict[str, Any]) -> None:
    once = normal(f"http://a.example/{path}", **config)

    assert normal(once, **config) == once
