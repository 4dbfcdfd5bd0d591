"""Secrets in URLs are masked, however they are spelled."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.testing import made, opened, run


def masked(url: Any, **config: Any) -> Any:
    return run("mask_url_parameters", {"properties": {"$current_url": url}}, config).get("$current_url")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/?token=x&id=1", "https://a.example/?token=masked&id=1"),
        ("https://a.example/?TOKEN=x", "https://a.example/?TOKEN=masked"),
        ("https://a.example/?my_token_2=x", "https://a.example/?my_token_2=masked"),
        ("https://a.example/?t%6Fken=x", "https://a.example/?t%6Fken=masked"),
        ("https://a.example/?t%256Fken=x", "https://a.example/?t%256Fken=masked"),
        ("https://a.example/?to\nken=x", "https://a.example/?token=masked"),
        ("https://a.example/?jwt[]=x&jwt[a]=y", "https://a.example/?jwt[]=masked&jwt[a]=masked"),
        ("https://a.example/?a=1;token=x;b=2", "https://a.example/?a=masked"),
        ("https://a.example/?token=x;rest", "https://a.example/?token=masked"),
        ("https://a.example/?token=x=y==", "https://a.example/?token=masked"),
        ("https://a.example/?token%3Dx", "https://a.example/?masked"),
        ("https://a.example/?a=1?token=x", "https://a.example/?a=masked"),
        ("https://a.example/?to=https%3A%2F%2Fb.example%3Ftoken%3Dx", "https://a.example/?to=masked"),
        ("https://a.example/?to=https%253A%252F%252Fb.example%253Ftoken%253Dx", "https://a.example/?to=masked"),
        ("https://a.example/#token=x&a=1", "https://a.example/#token=masked&a=1"),
        ("https://a.example/#/reset?token=x", "https://a.example/#/reset?token=masked"),
        ("https://a.example/#token%3Dx", "https://a.example/#masked"),
        ("https://ada:pw@a.example/", "https://masked@a.example/"),
        ("https://ada@a.example/", "https://masked@a.example/"),
        ("https:\\\\ada:p@w@a.example\\b", "https:\\\\masked@a.example\\b"),
        ("https:ada:pw@a.example", "https:masked@a.example"),
        ("\x01https://ada:pw@a.example", "\x01https://masked@a.example"),
        ("//ada:pw@a.example/?token=x", "//masked@a.example/?token=masked"),
        ("app://ada:pw@open/?token=x", "app://masked@open/?token=masked"),
        ("/reset?token=x", "/reset?token=masked"),
        ("?token=x&a=1", "?token=masked&a=1"),
        ("https://a.example/#/cb#jwt=eyJ.secret", "https://a.example/#/cb#jwt=masked"),
        ("https://a.example/#/jwt=x", "https://a.example/#/jwt=masked"),
        ("https://a.example/#!jwt=x", "https://a.example/#!jwt=masked"),
        ("https://a.example/?a[jwt]=x&user[otp][]=y", "https://a.example/?a[jwt]=masked&user[otp][]=masked"),
        ("https://a.example/?user.jwt=x", "https://a.example/?user.jwt=masked"),
        ("https://a.example/?a&+jwt=x&%00jwt=x", "https://a.example/?a&+jwt=masked&%00jwt=masked"),
        ("https://a.example/?q= otp=1", "https://a.example/?q=masked"),
    ],
)
def test_secrets_are_masked(url: str, expected: str) -> None:
    assert masked(url) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no url?token=x", "no url"),
        ("no url#a", "no url"),
        ("http://[?token=x", "http://["),
        ("https%3A%2F%2Fa.example%3Ftoken%3Dx", "https%3A%2F%2Fa.example"),
        ("mailto:ada@example.com?subject=x", "masked@example.com"),
        ("http://ada:pw@bad host/", "http://masked@bad host/"),
        ("token=x&a=1", "masked"),
        ("\u00a0//ada:pw@shop.example/?a=1", "\u00a0//masked@shop.example/"),
    ],
)
def test_what_is_no_url_loses_its_query(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/?id=1&q=a%2Bb+c",
        "https://a.example/token=x",
        "https://a.example//b//c@d",
        "https://a.example/?q=token",
        "https://a.example/?token",
        "https://a.example/?jwts=1&a[b]=2&x.y=3#/a/b=4",
        "https://a.example/#top",
        "no url",
        "",
        None,
        7,
        True,
    ],
)
def test_what_hides_nothing_stays(url: object) -> None:
    event = opened({"properties": {"$current_url": url}})

    assert made("mask_url_parameters")(event) is event


def test_lists_and_objects_are_removed() -> None:
    said = {"$current_url": ["https://a.example/?token=x"], "$referrer": {"a": 1}, "plan": "pro"}

    assert dict(run("mask_url_parameters", {"properties": said}).properties) == {"plan": "pro"}


def test_person_properties_are_masked_as_well() -> None:
    said = {"$initial_referrer": "https://a.example/?token=x"}
    after = run("mask_url_parameters", {"$set": said, "$set_once": said})

    assert after.set == after.set_once == {"$initial_referrer": "https://a.example/?token=masked"}


def test_names_and_the_mask_can_be_set() -> None:
    assert masked("https://a.example/?token=x&k1=y", parameters=["k*"], mask="-") == "https://a.example/?token=x&k1=-"
    assert masked("/?a.b[0]=x&c[d]=y&b=z", parameters=["a.b", "c[d]"]) == "/?a.b[0]=masked&c[d]=masked&b=z"


def test_a_mask_that_would_change_the_url_is_refused() -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        made("mask_url_parameters", {"mask": "a&b"})


LONG = "x" * 16_384


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"https://ada@a.example/?token=x&{LONG}", "https://masked@a.example/"),
        (f"https://a.example/a#{LONG}", "https://a.example/a"),
        (f"https://a.example/{LONG}", "masked"),
        (f"{LONG}?a=1", f"{LONG}"),
        (f"x{LONG}", "masked"),
    ],
)
def test_what_is_too_long_to_search_is_cut_or_masked_whole(url: str, expected: str) -> None:
    assert masked(url) == expected


@pytest.mark.parametrize(("times", "expected"), [(2, "t%2525C3%2525BC"), (3, "masked")])
def test_what_is_encoded_more_often_than_anybody_does_is_masked(times: int, expected: str) -> None:
    value = "t%C3%BC".replace("%", "%" + "25" * times)

    assert masked(f"https://a.example/?q={value}") == f"https://a.example/?q={expected}"


def test_an_address_of_nothing_but_encoding_is_searched_in_no_time() -> None:
    url = "https://a.example/?a=" + "%25" * 330_000

    assert masked(url) == "https://a.example/"


pieces = st.lists(
    st.sampled_from(
        ["https://", "a.example", "/", "?", "#", "&", ";", "=", "%", "25", "token", "t%6Fken", "@", ":", " "]
    )
)


@given(text=st.text() | pieces.map("".join))
def test_twice_is_once(text: str) -> None:
    once = masked(text)

    assert masked(once) == once


@given(before=pieces.map("".join), name=st.sampled_from(["token", "t%6fken", "t%256Fken", "TOKEN", "a.token"]))
def test_a_masked_value_is_never_there(before: str, name: str) -> None:
    assert "s3cret" not in masked(f"https://a.example/{before}?{name}=s3cret")


def test_urls_inside_of_objects_and_lists_are_masked() -> None:
    said = {"page": {"url": "/?jwt=a"}, "hops": [{"url": "/?jwt=a"}, {"url": []}], "next_url": "/?jwt=a"}

    after = run("mask_url_parameters", {"properties": said}, {"properties": ["page.url", "hops.url", "*_url"]})

    assert dict(after.properties) == {
        "page": {"url": "/?jwt=masked"},
        "hops": [{"url": "/?jwt=masked"}, {}],
        "next_url": "/?jwt=masked",
    }


@pytest.mark.parametrize("properties", [[], [""], ["a.b.c.d.e.f.g.h.i"]])
def test_a_configuration_that_guards_nothing_is_refused(properties: list[str]) -> None:
    with pytest.raises(ValueError):
        made("mask_url_parameters", {"properties": properties})
