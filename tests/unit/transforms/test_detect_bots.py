"""Bots: every instance that the list crawler-user-agents gives is found, and no ordinary browser is."""

import json
from pathlib import Path

import pytest

from schemas.event import Dropped
from tests.conformance.detect_bots import results
from transforms.detect_bots import Ranges, bot_name, read_ranges
from transforms.testing import Fixed, made, opened, run

BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 "
    "Edg/140.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/380.0.7 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 "
    "Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; Pixel 7 Build/TQ3A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/139.0.0.0 Mobile Safari/537.36 Instagram 390.0.0.0.1 Android",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 "
    "OPR/122.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; U; Android 11; en-us; Redmi Note 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/89.0.4389.116 Mobile Safari/537.36 XiaoMi/MiuiBrowser/12.13.2-gn",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (PlayStation 5 3.03/SmartTV) AppleWebKit/605.1.15 (KHTML, like Gecko)",
]
NAMES = [
    (r"Googlebot\/", "Googlebot"),
    ("[wW]get", "Wget"),
    ("S[eE][mM]rushBot", "SEMrushBot"),
    (r"Mediapartners \(Googlebot\)", "Mediapartners (Googlebot)"),
    (r"Riddler \(http:\/\/riddler\.io", "Riddler"),
    ("AdsBot-Google([^-]|$)", "AdsBot-Google"),
    ("Ahrefs(Bot|SiteAudit)", "AhrefsBot"),
    (r"(^| )sentry\/", "sentry"),
    (r"yandex\.com\/bots", "yandex.com/bots"),
    (r"dbot\)", "dbot"),
]


def test_every_instance_of_the_list_is_found() -> None:
    assert [label for label, passed in results() if not passed] == []


@pytest.mark.parametrize("agent", BROWSERS)
def test_an_ordinary_browser_is_no_bot(agent: str) -> None:
    event = opened({"properties": {"$raw_user_agent": agent}})

    assert made("detect_bots")(event) is event


@pytest.mark.parametrize(("pattern", "name"), NAMES)
def test_a_pattern_gives_a_name_that_can_be_read(pattern: str, name: str) -> None:
    assert bot_name(pattern) == name


def test_a_bot_can_be_dropped() -> None:
    assert isinstance(
        run("detect_bots", {"properties": {"$raw_user_agent": "curl/8.9.1"}}, {"action": "drop"}), Dropped
    )


def test_a_kind_can_be_left_in_peace() -> None:
    event = opened({"properties": {"$raw_user_agent": "okhttp/4.12.0"}})

    assert made("detect_bots")(event).properties["$bot_name"] == "okhttp"
    assert made("detect_bots", {"ignore": ["http-library"]})(event) is event


def test_a_marked_event_stays_as_it_is() -> None:
    step = made("detect_bots")
    after = step(opened({"properties": {"$raw_user_agent": "curl/8.9.1"}}))

    assert step(after) is after


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("66.249.66.1", "66.249.64.0/19"),
        (" 66.249.66.1 ", "66.249.64.0/19"),
        ("::ffff:66.249.66.1", "66.249.64.0/19"),
        ("2001:4860:4801:10::1", "2001:4860:4801::/48"),
        ("192.0.2.1", None),
        ("66.249.66", None),
        ("", None),
        (7, None),
        ("1" * 1000, None),
    ],
)
def test_an_address_in_a_range_is_a_bot(address: object, name: str | None) -> None:
    config = {"ranges": ["66.249.64.0/19", "2001:4860:4801::/48"]}

    assert run("detect_bots", {"properties": {"$ip": address}}, config).properties.get("$bot_name") == name


def test_the_narrowest_range_names_the_bot() -> None:
    ranges = Ranges([("10.0.0.0/8", "wide"), ("10.1.0.0/16", "narrow"), ("0.0.0.0/0", "all")])

    assert [ranges.find(text) for text in ("10.1.2.3", "10.2.2.3", "11.0.0.0", "::1")] == [
        "narrow",
        "wide",
        "all",
        None,
    ]


def test_ranges_come_from_a_file_and_are_asked_anew_when_it_changes() -> None:
    table = Fixed(Ranges([("192.0.2.0/24", "monitor")]))
    step, event = made("detect_bots", {}, {"ranges": table}), opened({"properties": {"$ip": "192.0.2.9"}})

    assert step(event).properties["$bot_name"] == "monitor"

    table.value = Ranges([])

    assert step(event) is event


def test_a_file_of_lines_and_one_as_google_publishes_it_are_read(tmp_path: Path) -> None:
    lines, published = tmp_path / "bots.txt", tmp_path / "googlebot.json"
    lines.write_text("# ours\n192.0.2.0/24 monitor one\n\n2001:db8::/32  # no name\n")
    published.write_text(
        json.dumps({"prefixes": [{"ipv6Prefix": "2001:4860:4801:10::/64"}, {"ipv4Prefix": "8.8.4.0/24"}]})
    )

    assert [read_ranges(str(lines)).find(text) for text in ("192.0.2.1", "2001:db8::1")] == [
        "monitor one",
        "2001:db8::/32",
    ]
    assert read_ranges(str(published)).find("8.8.4.4") == "8.8.4.0/24"


@pytest.mark.parametrize("text", ["192.0.2.0/33", "nowhere", '{"networks": []}', "{"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bots").write_text(text)

    with pytest.raises(ValueError):
        read_ranges(str(tmp_path / "bots"))


@pytest.mark.parametrize("config", [{"ranges": ["10.0.0.0/40"]}, {"ignore": ["robots"]}])
def test_a_configuration_that_cannot_be_meant_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        made("detect_bots", config)


def test_how_often_an_agent_was_known_can_be_shown() -> None:
    step = made("detect_bots")
    for _ in range(3):
        step(opened({"properties": {"$raw_user_agent": BROWSERS[0]}}))

    step(opened({"properties": {"$raw_user_agent": BROWSERS[0], "$ip": "192.0.2.1"}}))

    assert (step.cache_info().hits, step.cache_info().misses) == (3, 1)


def test_only_true_says_that_it_is_a_bot() -> None:
    said = {"$raw_user_agent": "curl/8", "$is_bot": 1, "$bot_name": "curl"}

    assert run("detect_bots", {"properties": said}).get("$is_bot") is True


def test_a_file_is_read_only_where_one_is_named() -> None:
    step = made("detect_bots", {"ranges_file": "bots.txt"}, {"ranges": Fixed(Ranges([]))})

    assert step.sources(step.config)["ranges"].place == "bots.txt"
    assert step.sources(made("detect_bots").config) == {}
