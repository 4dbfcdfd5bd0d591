"""Parts of a URL become properties."""

from typing import Any

import pytest

from transforms.testing import made, opened, run


def split(url: Any, sent: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    after = run("split_url", {"properties": {"$current_url": url, **(sent or {})}}, config)
    return {name: value for name, value in after.properties.items() if name != "$current_url"}


def test_host_path_and_search() -> None:
    assert split("HTTPS://Shop.Example:8443/a%20b?c=d#e", search="$search") == {
        "$host": "shop.example:8443",
        "$pathname": "/a%20b",
        "$search": "?c=d",
    }


@pytest.mark.parametrize(("repeats", "expected"), [("first", "1"), ("last", "x y"), ("all", ["1", "", "x y"])])
def test_a_repeated_parameter(repeats: str, expected: object) -> None:
    assert split("https://a.example/?t=1&u=2&t=&t=x%20y", parameters=["t"], repeats=repeats)["url_t"] == expected


def test_a_parameter_is_read_by_its_exact_decoded_name() -> None:
    found = split("https://a.example/?%C3%A9=1&E=2&a[]=3", parameters=["é", "e", "a[]"], prefix="")

    assert found == {"$host": "a.example", "$pathname": "/", "é": "1", "a[]": "3"}


def test_what_was_sent_stays_unless_it_is_to_be_overwritten() -> None:
    sent = {"$host": "sent", "$pathname": None}

    assert split("https://a.example/b", sent) == {"$host": "sent", "$pathname": "/b"}
    assert split("https://a.example/b", sent, overwrite=True) == {"$host": "a.example", "$pathname": "/b"}


@pytest.mark.parametrize(
    "value", [None, 7, "", "/path", "android-app://a.b/", "http://[", {"url": "https://a.example"}]
)
def test_what_is_no_web_address_adds_nothing(value: object) -> None:
    event = opened({"properties": {"$current_url": value}})

    assert made("split_url")(event) is event


@pytest.mark.parametrize("overwrite", [False, True])
def test_twice_is_once(overwrite: bool) -> None:
    transform = made("split_url", {"overwrite": overwrite, "parameters": ["a"], "repeats": "all"})
    once = transform(opened({"properties": {"$current_url": "https://a.example/?a=1"}}))

    assert transform(once) is once


def test_a_list_that_is_changed_afterwards_is_not_remembered_so() -> None:
    step = made("split_url", {"parameters": ["tag"], "repeats": "all"})
    event = opened({"properties": {"$current_url": "https://shop.example/?tag=a"}})
    step(event).get("url_tag").append("b")  # type: ignore[union-attr]

    assert step(event).get("url_tag") == ["a"]  # type: ignore[union-attr]
