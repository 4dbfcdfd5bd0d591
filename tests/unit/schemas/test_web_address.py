"""Addresses are taken apart as browsers do: vectors of the web-platform-tests, and any text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.percent_encoding import percent_decoded, percent_normalized, query_pairs
from schemas.web_address import (
    WebAddress,
    name_pattern,
    parsed_address,
    without_dot_segments,
    written_address,
)
from tests.conformance import web_address

RESULTS = web_address.results()
texts = st.text() | st.lists(
    st.sampled_from(["http", "s", "://", ":", "/", "\\", "?", "#", "@", "[", "]", "::1", "%", "a", ".", "7", "é", "\t"])
).map("".join)


@pytest.mark.parametrize(("address", "passed"), RESULTS, ids=[repr(label) for label, _ in RESULTS])
def test_it_reads_addresses_as_browsers_do(address: str, passed: bool) -> None:
    assert passed is (address not in web_address.DEVIATIONS)


def test_the_parts_have_their_names() -> None:
    assert parsed_address("HTTPS://ada:pw@Example.COM:8443/a/b?c=d&e#f") == WebAddress(
        "https", "ada:pw", "example.com", "8443", "/a/b", "c=d&e", "f"
    )


def test_an_app_has_an_address_as_well() -> None:
    assert parsed_address("android-app://com.google.android.gm/") == WebAddress(
        "android-app", "", "com.google.android.gm", "", "/", None, None
    )


@pytest.mark.parametrize("text", ["", "/path", "example.com", "mailto:ada@example.com", "//example.com/a", "data:,x"])
def test_what_has_no_authority_is_none(text: str) -> None:
    assert parsed_address(text) is None


@given(text=texts)
def test_no_text_makes_it_raise_and_what_is_written_reads_the_same(text: str) -> None:
    address = parsed_address(text)

    assert address is None or parsed_address(written_address(address)) == address
    percent_decoded(text, plus=True)
    query_pairs(text)
    assert percent_normalized(percent_normalized(text)) == percent_normalized(text)
    assert without_dot_segments(without_dot_segments(text)) == without_dot_segments(text)


def test_a_query_is_read_as_forms_write_it() -> None:
    assert query_pairs("a=1&&b=x%20y+z&c&%E2%82%AC=%FF&d=1=2") == [
        ("a", "1"),
        ("b", "x y z"),
        ("c", ""),
        ("€", "�"),
        ("d", "1=2"),
    ]


def test_a_star_stands_for_any_characters() -> None:
    pattern = name_pattern(("*token*", "utm_*", "a.b"))

    assert [bool(pattern.fullmatch(name)) for name in ("Token", "my_token_2", "utm_", "utm", "a.b", "axb")] == [
        True,
        True,
        True,
        False,
        True,
        False,
    ]
    assert not name_pattern(()).fullmatch("")


@pytest.mark.parametrize("start", ["https://", "https://%61", "https://ä.", "app://", "https://ada@"])
def test_a_host_that_is_longer_than_the_dns_allows_is_none(start: str) -> None:
    assert parsed_address(f"{start}{'a.' * 110}org/") is not None
    assert parsed_address(f"{start}{'a.' * 130}org/") is None
