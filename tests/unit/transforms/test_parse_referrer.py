"""Where visits come from: Snowplow's tests, and what they do not test."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from schemas.known_networks import ADVERTISING_NETWORKS, ASSISTANTS, MAIL_SERVICES, SOCIAL_NETWORKS
from schemas.known_referrers import ReferrerIndex, built_in_places
from schemas.known_search_engines import SEARCH_ENGINES
from tests.conformance import parse_referrer
from transforms.parse_referrer import ParseReferrer, read_list
from transforms.testing import Fixed, made, opened, run

RESULTS = parse_referrer.results()


def said(referrer: Any, page: str = "https://shop.example/", **config: Any) -> dict[str, Any]:
    after = run("parse_referrer", {"properties": {"$referrer": referrer, "$current_url": page}}, config)
    return {name[1:]: value for name, value in after.properties.items() if name not in ("$referrer", "$current_url")}


def medium(referrer: Any, page: str = "https://shop.example/", **config: Any) -> Any:
    return said(referrer, page, **config).get("referrer_medium")


@pytest.mark.parametrize(("label", "passed"), RESULTS, ids=[label for label, _ in RESULTS])
def test_it_knows_what_snowplow_knows(label: str, passed: bool) -> None:
    assert passed is (label not in parse_referrer.DEVIATIONS)


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://www.google.com.br/", "Google"),
        ("https://mail.google.com/mail/u/0", "Gmail"),
        ("https://gemini.google.com/app", "Gemini"),
        ("https://x.com/i/grok", "Grok"),
        ("https://x.com/i/grokking", "Twitter"),
        ("https://duckduckgo.com/", "DuckDuckGo"),
        ("android-app://com.google.android.gm/", "Gmail"),
        ("android-app://com.google.android.googlequicksearchbox/https/www.google.com", "Google"),
        ("https://chatgpt.com/", "ChatGPT"),
        ("https://lm.facebook.com/l.php", "Facebook"),
    ],
)
def test_it_knows_who_it_was(referrer: str, expected: str) -> None:
    assert said(referrer)["referrer_source"] == expected


@pytest.mark.parametrize("host", ["google.evil.example", "notgoogle.com", "google.com.evil.example", "xt.co"])
def test_a_host_that_only_looks_like_one_is_unknown(host: str) -> None:
    assert medium(f"https://{host}/") == "unknown"


@pytest.mark.parametrize(
    ("referrer", "page", "expected"),
    [
        ("https://blog.shop.co.uk/", "https://shop.co.uk/", "internal"),
        ("https://other.co.uk/", "https://shop.co.uk/", "unknown"),
        ("https://a.github.io/", "https://b.github.io/", "unknown"),
        ("http://localhost:3000/", "http://localhost:8000/", "internal"),
        ("http://10.0.0.1/", "http://10.9.0.1/", "unknown"),
        ("http://[::1]/", "http://[::1]:80/", "internal"),
        ("https://shop.example/", "no url", "unknown"),
    ],
)
def test_internal_is_what_has_the_same_registered_domain(referrer: str, page: str, expected: str) -> None:
    assert medium(referrer, page) == expected


def test_other_domains_can_be_internal() -> None:
    assert medium("https://www.shop.test/", internal_domains=["Shop.test"]) == "internal"
    assert medium("https://myshop.test/", internal_domains=["shop.test"]) == "unknown"


@pytest.mark.parametrize("referrer", ["", " ", "$direct", None])
def test_nobody_referred(referrer: object) -> None:
    assert medium(referrer) == "direct"


@pytest.mark.parametrize("referrer", ["no url", "http://[", "/path", "about:blank"])
def test_what_is_no_address_is_unknown_and_has_no_domain(referrer: str) -> None:
    assert said(referrer) == {"referrer_medium": "unknown"}


@pytest.mark.parametrize("properties", [{}, {"$referrer": 7}, {"$referrer": ["https://google.com"]}])
def test_without_a_referrer_nothing_is_added(properties: dict[str, Any]) -> None:
    event = opened({"properties": properties})

    assert made("parse_referrer")(event) is event


def test_what_was_sent_is_not_overwritten_and_twice_is_once() -> None:
    transform = made("parse_referrer")
    once = transform(opened({"properties": {"$referrer": "https://google.com/", "$referring_domain": "sent"}}))

    assert once.get("$referring_domain") == "sent"
    assert transform(once) is once


def test_a_list_of_the_operator_goes_before_the_built_in_one(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"search": {"Ours": {"domains": ["google.de", "our.example/s"], "parameters": ["z"]}}}))
    config = {"file": str(file)}
    source = ParseReferrer.sources(ParseReferrer.Config(file=str(file)))["referrers"]
    lookup = Fixed(source.read(source.place))
    transform = made("parse_referrer", config, {"referrers": lookup})

    def name(referrer: str) -> Any:
        return transform(opened({"properties": {"$referrer": referrer}})).get("$referrer_source")

    assert [name(f"https://{place}") for place in ("www.google.de", "google.fr", "our.example/s?z=1")] == [
        "Ours",
        "Google",
        "Ours",
    ]
    file.write_text("{}")
    lookup.value = read_list(str(file))
    assert name("https://www.google.de") == "Google"


@pytest.mark.parametrize("content", ["", "[]", '{"search": 1}', '{"search": {"A": {"domains": "a.example"}}}'])
def test_a_list_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "list.json"
    file.write_text(content)

    with pytest.raises(ValueError, match="medium, name"):
        read_list(str(file))


def test_no_place_stands_twice_in_the_tables() -> None:
    tables = (SEARCH_ENGINES, SOCIAL_NETWORKS, MAIL_SERVICES, ADVERTISING_NETWORKS, ASSISTANTS)
    lines = [line for table in tables for line in table.strip().splitlines()]
    places = [place for line in lines for place in line.partition(" = ")[2].partition(" | ")[0].split()]

    assert sorted(place for place in set(places) if places.count(place) > 1) == []
    assert all(" = " in line for line in lines)


def test_only_the_end_of_a_host_with_many_labels_is_looked_up() -> None:
    index = ReferrerIndex(built_in_places())
    tracemalloc.start()
    found = index.find("a." * 20_000 + "google.com", "/")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found is not None
    assert (found.name, peak < 5_000_000) == ("Google", True)


def test_the_final_dot_of_a_host_makes_no_difference() -> None:
    assert said("https://www.google.com./")["referring_domain"] == "www.google.com"
    assert said("https://www.google.com./")["referrer_source"] == "Google"
    assert medium("https://blog.shop.example./") == "internal"
    assert medium("https://blog.shop.example/", "https://shop.example./") == "internal"
    assert medium("https://www.shop.test./", internal_domains=["shop.test"]) == "internal"
