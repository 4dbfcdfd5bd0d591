"""Secrets and personal data that a URL carries are masked before it is stored."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from schemas.event_parts import ValuePart, revalued_at
from schemas.percent_encoding import percent_decoded
from schemas.property_paths import GONE, paths_of
from schemas.web_address import REMEMBERED_CHARS_MAX, name_pattern, parsed_address
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["MaskUrlParameters"]

_PARTS: tuple[ValuePart, ...] = ("properties", "$set", "$set_once")
ADDRESSES_KEPT = 8_192
"""How many results a worker remembers: some 4 MB; the pages of a site are visited again and again."""
ADDRESS_CHARS_MAX = 16_384
"""Of an address that is searched: twice what web servers take. A longer one would only keep a worker busy."""
DECODED_TIMES_MAX = 3
"""How often a text is decoded in search of a name: an address in an address in an address has three. What is
still encoded after that hides something, and is masked."""
_SENSITIVE = (
    "*token*",
    "*secret*",
    "*password*",
    "*passwd*",
    "pwd",
    "*api_key*",
    "*apikey*",
    "*signature*",
    "*email*",
    "session_id",
    "sessionid",
    "jwt",
    "otp",
)
_HARMLESS_MASK = re.compile(r"[A-Za-z0-9._~*-]*")
_MARK = re.compile(r"[?#]")
_ENCODED = re.compile(r"%[0-9a-fA-F]{2}")
_QUERY_OR_FRAGMENT = re.compile(r"[?#]|%(?:25)*(?:3f|23)", re.IGNORECASE)
_USER = re.compile(r"\A([\x00-\x20]*(?:https?:[\\/]*|[a-z][a-z0-9+.-]*://|[\\/]{2,}))[^\\/]*@", re.IGNORECASE)
_ANY_USER = re.compile(r"(^|[\\/])[^\\/]*@")
# In the decoded text of a value: what stands before an equals sign.
_NESTED_NAME = re.compile(r"(?:^|[?&#;/])([^?&#;/=]+)=")
# What stands between names that a browser or an application may take for one: `a[token]`, `/cb#jwt`, `user.email`.
_BETWEEN_NAMES = re.compile(r"[?&#;/\[\].]")
_AROUND_NAMES = " +!\x00"
_SPACE_OR_CONTROL = "".join(map(chr, range(0x21)))
_BREAKS = {ord(mark): None for mark in "\t\n\r"}


class Config(TransformConfig, frozen=True):
    properties: Annotated[
        tuple[str, ...],
        about(
            "Which properties hold URLs, also in `$set` and `$set_once`: names, paths such as `page.url`, patterns "
            "such as `*_url`.",
            min_length=1,
        ),
    ] = (
        "$current_url",
        "$referrer",
        "$initial_current_url",
        "$initial_referrer",
    )
    parameters: Annotated[
        tuple[str, ...], about("Parameters to mask, in any case; `*` stands for any characters.", min_length=1)
    ] = _SENSITIVE
    mask: Annotated[str, about("What stands in place of a value.")] = "masked"

    def __post_init__(self) -> None:
        paths_of(self.properties)
        if not _HARMLESS_MASK.fullmatch(self.mask):
            raise ValueError("`mask` may only have letters, digits and . _ ~ * -: anything else would change the URL")


class MaskUrlParameters(Transform[Config]):
    """Replace the values of sensitive parameters in URLs: tokens, passwords, addresses of people.

    Parameters are found in the query and in a fragment that looks like one, whether their names are percent-encoded
    or not; a value that is itself a URL with such a parameter is masked whole. Names and passwords before the host
    (`https://name:password@…`) are masked always. Paths are not searched.

    Whatever is no URL loses everything from its first `?` or `#`, and lists and objects in these properties are
    removed: a guard that lets pass what it does not understand is none. A text of over 16,384 characters is cut at its
    first `?` or `#`, and masked whole where what is left is still longer.
    """

    name = "mask_url_parameters"
    Config = Config
    privacy = True
    examples = (
        Example(
            says="A token, and a password before the host",
            before={"properties": {"$current_url": "https://ada:pw@shop.example/reset?id=7&Reset%5FToken=s3cret"}},
            after={"properties": {"$current_url": "https://masked@shop.example/reset?id=7&Reset%5FToken=masked"}},
        ),
        Example(
            says="A fragment that looks like a query",
            config={"parameters": ["access_token"]},
            before={"properties": {"$current_url": "https://app.example/cb#access_token=s3cret&state=1"}},
            after={"properties": {"$current_url": "https://app.example/cb#access_token=masked&state=1"}},
        ),
        Example(
            says="What is no URL",
            before={"properties": {"$referrer": "not a url?token=s3cret"}},
            after={"properties": {"$referrer": "not a url"}},
        ),
    )

    def open(self) -> None:
        self._paths = paths_of(self.config.properties)
        self._names = name_pattern(self.config.parameters)
        self._mask = lru_cache(maxsize=ADDRESSES_KEPT)(self._masked)

    def reads(self) -> Collection[str] | None:
        return self._paths.tops

    def __call__(self, event: OpenEvent) -> Result:
        return revalued_at(event, _PARTS, self._paths, self._guarded)

    def _guarded(self, value: Any) -> Any:
        """A text with its secrets masked; lists and objects go."""
        if isinstance(value, str):
            masked = self._mask(value) if len(value) <= REMEMBERED_CHARS_MAX else self._masked(value)
            return value if masked == value else masked
        return GONE if isinstance(value, dict | list) else value

    def _masked(self, text: str) -> str:
        if len(text) > ADDRESS_CHARS_MAX:
            text = _MARK.split(text, maxsplit=1)[0]
            if len(text) > ADDRESS_CHARS_MAX:
                return self.config.mask
        # Browsers drop these wherever they stand; so `to\nken` is a token.
        address = text.translate(_BREAKS)
        # As browsers: with another space in front it is no URL.
        start = address.strip(_SPACE_OR_CONTROL)
        if not start.startswith(("/", "?", "#")) and parsed_address(address) is None:
            return self._without_query(text)
        before, hash_, fragment = address.partition("#")
        before, mark, query = before.partition("?")
        masked = self._without_user(before) + mark + self._query(query) + hash_ + self._fragment(fragment)
        return text if masked == address else masked

    def _without_query(self, text: str) -> str:
        found = _QUERY_OR_FRAGMENT.search(text)
        kept = text[: found.start()] if found else text
        if self._hides(kept):
            return self.config.mask
        return _ANY_USER.sub(lambda user: f"{user[1]}{self.config.mask}@", kept)

    def _without_user(self, before: str) -> str:
        return _USER.sub(lambda user: f"{user[1]}{self.config.mask}@", before)

    def _fragment(self, fragment: str) -> str:
        if "=" not in fragment and "%" not in fragment:
            return fragment
        before, mark, after = fragment.partition("?")
        return self._query(before) + mark + self._query(after)

    def _query(self, query: str) -> str:
        if "=" not in query and "%" not in query:
            return query
        return "&".join(map(self._parameter, query.split("&")))

    def _parameter(self, part: str) -> str:
        name, equals, value = part.partition("=")
        if not equals:
            return self.config.mask if self._hides(part) else part
        if self._is_named(name) or self._hides(value):
            return f"{name}={self.config.mask}"
        return part

    def _is_named(self, name: str) -> bool:
        """Whether it is a name to mask, as written or decoded; `token[]`, `a;token` and `/a#token` are `token` too."""
        for text in _decoded_again_and_again(name):
            if text is None:
                return True
            # With dots and brackets as well: a configuration may name `user.email`.
            whole = text.replace("?", ";").split(";")
            parts = (*whole, *(part.partition("[")[0] for part in whole), *_BETWEEN_NAMES.split(text))
            if any(self._names.fullmatch(part.strip(_AROUND_NAMES)) for part in parts):
                return True
        return False

    def _hides(self, value: str) -> bool:
        """Whether a value has parameters of its own that are to be masked."""
        for text in _decoded_again_and_again(value):
            if text is None:
                return True
            if "=" in text and any(self._is_named(name) for name in _NESTED_NAME.findall(text)):
                return True
        return False


def _decoded_again_and_again(text: str) -> list[str | None]:
    """The text, decoded once, twice, …; None at the end where that does not come to one."""
    texts: list[str | None] = [text]
    for _ in range(DECODED_TIMES_MAX):
        decoded = percent_decoded(text, plus=True).translate(_BREAKS)
        if decoded == text:
            return texts
        texts.append(text := decoded)
    return [*texts, None] if _ENCODED.search(text) else texts
