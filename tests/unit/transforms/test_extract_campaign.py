"""Campaigns and clicks are read from the URL. Vectors: the parameters that the networks document."""

from typing import Any

import pytest

from transforms.extract_campaign import Config
from transforms.testing import made, opened, run


def campaign(url: Any, sent: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    after = run("extract_campaign", {"properties": {"$current_url": url, **(sent or {})}}, config)
    return {name: value for name, value in after.properties.items() if name != "$current_url"}


@pytest.mark.parametrize("name", Config().parameters)
def test_every_parameter_is_read(name: str) -> None:
    assert campaign(f"https://a.example/p?x=1&{name}=v%2B1+2") == {name: "v+1 2"}
    assert campaign(f"https://a.example/p?{name.upper()}=v") == {name: "v"}


def test_the_first_value_that_is_not_empty_counts() -> None:
    assert campaign("https://a.example/?utm_source=&utm_source=b&utm_source=c") == {"utm_source": "b"}


def test_what_was_sent_is_not_overwritten() -> None:
    sent = {"utm_source": "partner", "utm_medium": "", "utm_term": None}
    url = "https://a.example/?utm_source=a&utm_medium=b&utm_term=c"

    assert campaign(url, sent) == {"utm_source": "partner", "utm_medium": "", "utm_term": "c"}


def test_a_fragment_is_read_where_it_is_asked_for() -> None:
    url = "https://a.example/#/shop?utm_source=a"

    assert campaign(url) == {}
    assert campaign(url, in_fragment=True) == {"utm_source": "a"}
    assert campaign("https://a.example/?gclid=1#utm_source=b", in_fragment=True) == {"gclid": "1", "utm_source": "b"}


def test_other_parameters_and_a_prefix_can_be_set() -> None:
    assert campaign("https://a.example/?Ref=x&gclid=y", parameters=["ref"], prefix="from_") == {"from_ref": "x"}


@pytest.mark.parametrize("value", [None, 7, "", "?utm_source=a", "utm_source=a", ["https://a.example/?utm_source=a"]])
def test_what_is_no_web_address_adds_nothing(value: object) -> None:
    event = opened({"properties": {"$current_url": value}})

    assert made("extract_campaign")(event) is event


def test_twice_is_once() -> None:
    transform = made("extract_campaign")
    once = transform(opened({"properties": {"$current_url": "https://a.example/?utm_source=a"}}))

    assert transform(once) is once
