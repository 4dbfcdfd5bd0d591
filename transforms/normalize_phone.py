"""Telephone numbers in one spelling: +, country, number, digits only (ITU-T E.164).

The rules of 245 countries and territories are those of Google's libphonenumber, in its Python port `phonenumbers`.
"""

from collections.abc import Collection
from functools import _CacheInfo, lru_cache
from typing import Any

import phonenumbers

from schemas.respelling import Invalid, Misspelt, respelled
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about, refused

__all__ = ["NormalizePhone"]

NUMBERS_KEPT = 16_384
"""How many numbers a worker remembers: some 4 MB; reading one costs many times what looking it up does."""
NUMBER_CHARS_MAX = 250
"""As libphonenumber: what is longer is no number."""


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Which properties hold telephone numbers.")] = ("phone",)
    region: Annotated[
        str,
        about("Where numbers without a country are from: DE, US, GB, … If empty, only numbers with + are understood."),
    ] = ""
    invalid: Annotated[
        Invalid,
        about("What becomes of a value that is no number: it stays, it goes, or the event is rejected."),
    ] = "keep"

    def __post_init__(self) -> None:
        if self.region and self.region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(
                f"region: {self.region!r} is no region; give two capital letters of ISO 3166: DE, US, GB, …"
            )


class NormalizePhone(Transform[Config]):
    """Write telephone numbers in one way, so that the same number is the same text: +4930901820.

    Looked for in the event's properties, in `$set` and in `$set_once`. A number counts if the numbering plan of its
    country has it; numbers reserved for films and examples do not. Extensions are dropped: E.164 has none. A number
    without a country is read as one of `region`. Whole JSON numbers are read like their digits; null and empty texts
    say nothing and stay.
    """

    name = "normalize_phone"
    Config = Config
    examples = (
        Example(
            says="As people of one country write it",
            config={"region": "DE"},
            before={"properties": {"phone": "(030) 90 18-20"}, "$set": {"phone": "0049 30 901820"}},
            after={"properties": {"phone": "+4930901820"}, "$set": {"phone": "+4930901820"}},
        ),
        Example(
            says="What is none goes",
            config={"region": "US", "invalid": "remove"},
            before={"properties": {"phone": "ask me", "plan": "pro"}},
            after={"properties": {"plan": "pro"}},
        ),
    )

    def open(self) -> None:
        self._known = lru_cache(maxsize=NUMBERS_KEPT)(self._read)

    def cache_info(self) -> _CacheInfo:
        """How often a number was known already: hits, misses, size."""
        return self._known.cache_info()

    def reads(self) -> Collection[str]:
        return self.config.properties

    def __call__(self, event: OpenEvent) -> Result:
        try:
            return respelled(event, self.config.properties, self._number, self.config.invalid)
        except Misspelt as found:
            return refused(f"{found} holds no telephone number: send it with + and country, or set `region`")

    def _number(self, value: Any) -> str | None:
        text = str(value) if type(value) is int else value
        return self._known(text) if isinstance(text, str) and len(text) <= NUMBER_CHARS_MAX else None

    def _read(self, text: str) -> str | None:
        try:
            number = phonenumbers.parse(text, self.config.region or None)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
