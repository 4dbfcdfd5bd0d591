"""Browser, system and device: uap-core's own test files say what an agent is."""

import pytest

from tests.conformance.parse_user_agent import DEVIATIONS, results
from transforms.parse_user_agent import AGENT_CHARS_MAX
from transforms.testing import made, opened, run

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
ON_ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0{} Safari/537.36"
)
DEVICE_TYPES = [
    (CHROME, "desktop"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop"),
    ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0", "desktop"),
    ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)", "desktop"),
    (ON_ANDROID.format(" Mobile"), "mobile"),
    (ON_ANDROID.format(""), "tablet"),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148",
        "mobile",
    ),
    ("Shop/7.1 (com.example.shop; build:9; iOS 17.5.0) Alamofire/5.9.1", "mobile"),
    ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UD1A)", "mobile"),
    ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148", "tablet"),
    ("Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2 Build/PTT1) AppleWebKit/537.36 Chrome/100.0.0.0", "other"),
    ("Mozilla/5.0 (PlayStation 5 3.03/SmartTV) AppleWebKit/605.1.15 (KHTML, like Gecko)", "other"),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
    ("python-requests/2.32.3", "other"),
    ("aws-sdk-go/1.4.12 (go1.6; linux; amd64) S3Manager", "other"),
    ("something else", "other"),
]


def test_every_agent_of_the_test_files_is_what_they_say() -> None:
    assert {label for label, passed in results() if not passed} == set(DEVIATIONS)


@pytest.mark.parametrize(("agent", "kind"), DEVICE_TYPES)
def test_the_kind_of_device_is_told(agent: str, kind: str) -> None:
    assert run("parse_user_agent", {"properties": {"$raw_user_agent": agent}}).properties["$device_type"] == kind


def test_a_model_that_chrome_hides_is_not_named() -> None:
    after = run("parse_user_agent", {"properties": {"$raw_user_agent": ON_ANDROID.format(" Mobile")}})

    assert not {"$device", "$device_brand", "$device_model"} & set(after.properties)


def test_what_the_sender_gave_stays_and_null_is_nothing_given() -> None:
    after = run("parse_user_agent", {"properties": {"$raw_user_agent": CHROME, "$os": "Windows 11", "$browser": None}})

    assert (after.properties["$os"], after.properties["$browser"]) == ("Windows 11", "Chrome")


def test_overwriting_replaces_what_the_sender_gave() -> None:
    step = made("parse_user_agent", {"overwrite": True})
    after = step(opened({"properties": {"$raw_user_agent": CHROME, "$os": "Windows 11"}}))

    assert after.properties["$os"] == "Windows"
    assert step(after) is after


def test_a_name_left_empty_is_not_written() -> None:
    config = dict.fromkeys(("device", "device_brand", "device_model", "device_type", "os", "os_version"), "")
    after = run("parse_user_agent", {"properties": {"$raw_user_agent": CHROME}}, config)

    assert set(after.properties) == {"$raw_user_agent", "$browser", "$browser_version"}


def test_an_event_that_has_it_all_stays_itself() -> None:
    step = made("parse_user_agent")
    after = step(opened({"properties": {"$raw_user_agent": CHROME}}))

    assert step(after) is after


@pytest.mark.parametrize("value", ["", None, 7, ["Mozilla/5.0"], {"agent": "Mozilla/5.0"}])
def test_what_is_no_agent_changes_nothing(value: object) -> None:
    event = opened({"properties": {"$raw_user_agent": value}})

    assert made("parse_user_agent")(event) is event


def test_an_agent_without_end_is_read_to_a_limit() -> None:
    after = run("parse_user_agent", {"properties": {"$raw_user_agent": CHROME + " " * AGENT_CHARS_MAX + "iPad"}})

    assert after.properties["$device_type"] == "desktop"


def test_an_agent_is_read_once_and_the_hit_rate_can_be_shown() -> None:
    step = made("parse_user_agent")
    for _ in range(10):
        step(opened({"properties": {"$raw_user_agent": CHROME}}))

    assert (step.cache_info().hits, step.cache_info().misses) == (9, 1)
