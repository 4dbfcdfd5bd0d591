"""All built-in transformations: one line each."""

from typing import Any

from transforms.anonymize_ip import AnonymizeIp
from transforms.convert_currency import ConvertCurrency
from transforms.detect_bots import DetectBots
from transforms.drop_events import DropEvents
from transforms.expand_timestamp import ExpandTimestamp
from transforms.extract_campaign import ExtractCampaign
from transforms.filter_properties import FilterProperties
from transforms.flatten_properties import FlattenProperties
from transforms.geoip import Geoip
from transforms.hash_properties import HashProperties
from transforms.interface import Transform
from transforms.keep_properties import KeepProperties
from transforms.mask_url_parameters import MaskUrlParameters
from transforms.normalize_email import NormalizeEmail
from transforms.normalize_phone import NormalizePhone
from transforms.normalize_url import NormalizeUrl
from transforms.parse_referrer import ParseReferrer
from transforms.parse_user_agent import ParseUserAgent
from transforms.remap_values import RemapValues
from transforms.remove_nulls import RemoveNulls
from transforms.rename_events import RenameEvents
from transforms.rename_properties import RenameProperties
from transforms.require_consent import RequireConsent
from transforms.sample import Sample
from transforms.set_first_seen import SetFirstSeen
from transforms.split_semver import SplitSemver
from transforms.split_url import SplitUrl
from transforms.validate_schema import ValidateSchema

__all__ = ["BUILT_IN"]

BUILT_IN: dict[str, type[Transform[Any]]] = {
    transform.name: transform
    for transform in (
        AnonymizeIp,
        ConvertCurrency,
        DetectBots,
        DropEvents,
        ExpandTimestamp,
        ExtractCampaign,
        FilterProperties,
        FlattenProperties,
        Geoip,
        HashProperties,
        KeepProperties,
        MaskUrlParameters,
        NormalizeEmail,
        NormalizePhone,
        NormalizeUrl,
        ParseReferrer,
        ParseUserAgent,
        RemapValues,
        RemoveNulls,
        RenameEvents,
        RenameProperties,
        RequireConsent,
        Sample,
        SetFirstSeen,
        SplitSemver,
        SplitUrl,
        ValidateSchema,
    )
}
"""By name, in alphabetical order."""
