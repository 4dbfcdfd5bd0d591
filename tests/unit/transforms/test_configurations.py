"""What a worker would refuse to start with is refused where the configuration is read."""

from typing import Any

import msgspec
import pytest

from transforms.registry import BUILT_IN

KEY = "x" * 32
DEEP = "a.b.c.d.e.f.g.h.i"


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("filter_properties", {"properties": [DEEP]}, "9 parts"),
        ("filter_properties", {"properties": [""]}, "empty"),
        ("keep_properties", {"properties": [DEEP]}, "9 parts"),
        ("keep_properties", {"properties": [], "needed": [""]}, "empty"),
        ("hash_properties", {"key": KEY, "properties": [DEEP]}, "9 parts"),
        ("flatten_properties", {"properties": [DEEP]}, "9 parts"),
        ("flatten_properties", {"leave": [""]}, "empty"),
        ("anonymize_ip", {"properties": [DEEP]}, "9 parts"),
        ("mask_url_parameters", {"properties": [DEEP]}, "9 parts"),
        ("require_consent", {"purposes": ["a"], "action": "strip", "remove": [DEEP]}, "9 parts"),
        ("expand_timestamp", {"time_zone": "Europe/Nowhere"}, "no time zone"),
        ("validate_schema", {"schemas": {"order": {"type": "words"}}}, "schema of 'order' is wrong"),
        ("rename_events", {"names": {"a": "n" * 201}}, "201 characters"),
    ],
)
def test_what_cannot_start_is_no_configuration(name: str, config: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(config, BUILT_IN[name].Config)
