"""Workers remember what they made of short texts only: senders choose them, and must not fill the memory."""

import tracemalloc
from typing import Any

import pytest

from transforms.testing import made, opened

LONG = 100_000
KEY = {"key": "only-for-tests-0123456789abcdefghij", "distinct_id": True}


@pytest.mark.parametrize(
    ("name", "config", "before"),
    [
        ("anonymize_ip", {}, {"properties": {"$ip": "{}"}}),
        ("mask_url_parameters", {}, {"properties": {"$current_url": "https://a.example/{}"}}),
        ("normalize_url", {}, {"properties": {"$current_url": "https://a.example/{}"}}),
        ("split_url", {}, {"properties": {"$current_url": "https://a.example/{}"}}),
        ("extract_campaign", {}, {"properties": {"$current_url": "https://a.example/?utm_source={}"}}),
        ("parse_referrer", {}, {"properties": {"$referrer": "https://google.com/?q={}"}}),
        ("parse_referrer", {}, {"properties": {"$referrer": "", "$current_url": "https://a.example/{}"}}),
        ("filter_properties", {"properties": ["a*b"]}, {"properties": {"a{}": 1}}),
        ("hash_properties", {**KEY, "properties": ["a"]}, {"distinct_id": "{}", "properties": {"a": "{}"}}),
        ("rename_events", {"names": {"a": "b"}, "case": "keep"}, {"event": "{}"}),
    ],
)
def test_long_texts_are_not_remembered(name: str, config: dict[str, Any], before: dict[str, Any]) -> None:
    step = made(name, config)
    step(opened(_filled(before, "warm")))

    tracemalloc.start()
    for number in range(20):
        step(opened(_filled(before, f"{number:0{LONG}}")))
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert left < 5 * LONG


def _filled(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {_filled(name, text): _filled(content, text) for name, content in value.items()}
    return value.replace("{}", text) if isinstance(value, str) else value
