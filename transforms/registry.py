"""All built-in transformations: one line each.

Each is imported when it is asked for: some bring libraries and lists of megabytes, and most are used by nobody here.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from transforms.interface import Transform

__all__ = ["BUILT_IN"]

_CLASSES = {
    "anonymize_ip": "AnonymizeIp",
    "convert_currency": "ConvertCurrency",
    "detect_bots": "DetectBots",
    "drop_events": "DropEvents",
    "expand_timestamp": "ExpandTimestamp",
    "extract_campaign": "ExtractCampaign",
    "filter_properties": "FilterProperties",
    "flatten_properties": "FlattenProperties",
    "geoip": "Geoip",
    "hash_properties": "HashProperties",
    "keep_properties": "KeepProperties",
    "mask_url_parameters": "MaskUrlParameters",
    "normalize_email": "NormalizeEmail",
    "normalize_phone": "NormalizePhone",
    "normalize_url": "NormalizeUrl",
    "parse_referrer": "ParseReferrer",
    "parse_user_agent": "ParseUserAgent",
    "remap_values": "RemapValues",
    "remove_nulls": "RemoveNulls",
    "rename_events": "RenameEvents",
    "rename_properties": "RenameProperties",
    "require_consent": "RequireConsent",
    "sample": "Sample",
    "set_first_seen": "SetFirstSeen",
    "split_semver": "SplitSemver",
    "split_url": "SplitUrl",
    "validate_schema": "ValidateSchema",
}
"""Names, which are those of the modules, in alphabetical order, and classes."""


class _OnDemand(Mapping[str, type[Transform[Any]]]):
    """Names are known at once; what has one of them is imported with the first look at it."""

    def __getitem__(self, name: str) -> type[Transform[Any]]:
        class_name = _CLASSES[name]
        found: type[Transform[Any]] = getattr(import_module(f"transforms.{name}"), class_name)
        return found

    def __contains__(self, name: object) -> bool:
        return name in _CLASSES

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


BUILT_IN: Mapping[str, type[Transform[Any]]] = _OnDemand()
"""By name, in alphabetical order."""
