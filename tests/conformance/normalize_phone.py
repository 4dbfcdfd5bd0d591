"""How far normalize_phone reads every spelling of every country's example numbers, and those of others' tests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from transforms.testing import made, opened

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = json.loads((Path(__file__).parents[1] / "vectors" / "normalize_phone.json").read_text())
SOURCE: str = f"{_FILE['source']}; example numbers in the metadata of libphonenumber, by the package phonenumbers"
VERSION: str = f"{_FILE['version']}; phonenumbers {phonenumbers.__version__}"
LICENCE: str = _FILE["licence"]
_NOT_ASSIGNED = "the numbering plan of the country has no such number: it is an illustration"
DEVIATIONS = {
    "PhoneNumber.js: 64(0)64123456 in NZ": _NOT_ASSIGNED,
    "PhoneNumber.js: 123/45678 in DE": _NOT_ASSIGNED,
    "PhoneNumber.js: 123-456-7890 in US": _NOT_ASSIGNED,
    "PhoneNumber.js: 49451491934 in US": "without + or 011 it is read as a number of the region, which it is not",
    "UID2: 65 1243 5678 in SG": _NOT_ASSIGNED,
}

_SPELLINGS = ("NATIONAL", "INTERNATIONAL", "RFC3966", "E164")


def results() -> list[tuple[str, bool]]:
    """Each number, read with its region as the default, in E.164."""
    answers = [
        (f"{vector['from']}: {vector['number']} in {vector['region']}", _read(vector) == vector["e164"])
        for vector in _FILE["vectors"]
    ]
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        answers.extend(_examples(region))
    return answers


def _read(vector: dict[str, str]) -> Any:
    config = {"region": vector["region"], "invalid": "remove"}
    result: Any = made("normalize_phone", config)(opened({"properties": {"phone": vector["number"]}}))
    return result.properties.get("phone")


def _examples(region: str) -> Iterator[tuple[str, bool]]:
    for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        expected = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for spelling in _SPELLINGS:
            text = phonenumbers.format_number(number, getattr(PhoneNumberFormat, spelling))
            yield f"libphonenumber: {text} in {region}", _read({"number": text, "region": region}) == expected
