"""Which campaign and which click brought somebody here, read from the URL of the page they came to."""

from collections.abc import Collection, Mapping
from typing import Any

from schemas.event_parts import missing
from schemas.percent_encoding import query_pairs
from schemas.remembered import Remembered
from schemas.tracking_parameters import CLICK_IDS
from schemas.web_address import REMEMBERED_CHARS_MAX, parsed_address
from transforms.interface import Annotated, Example, Given, Transform, TransformConfig, about

__all__ = ["ExtractCampaign"]

ADDRESSES_KEPT = 8_192
"""How many results a worker remembers: some 4 MB; most addresses have no campaign, and the result is empty."""
_PARAMETERS = (
    # Google Analytics' campaign parameters
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "utm_id",
    *CLICK_IDS,
)
_NO_CAMPAIGN: dict[str, str] = {}
"""One for all: thousands of empty ones would each have to be fetched from memory."""


class Config(TransformConfig, frozen=True):
    url: Annotated[str, about("The property that holds the URL of the page.")] = "$current_url"
    parameters: Annotated[
        tuple[str, ...], about("Query parameters to read, in any case; each becomes the property of this name.")
    ] = _PARAMETERS
    prefix: Annotated[str, about("What the names of the properties begin with.")] = ""
    in_fragment: Annotated[bool, about("Whether parameters after `#` are read too (`#utm_source=…`).")] = False


class ExtractCampaign(Transform[Config]):
    """Read campaign parameters (utm_…) and the click ids of advertising networks from a URL into properties.

    The first value of a parameter that is not empty counts, decoded. A property that was sent is never overwritten;
    null counts as not sent. Only http and https URLs are read.
    """

    name = "extract_campaign"
    Config = Config
    examples = (
        Example(
            says="A campaign and a click",
            before={"properties": {"$current_url": "https://shop.example/?utm_source=news&utm_medium=Email&gclid=x1"}},
            after={
                "properties": {
                    "$current_url": "https://shop.example/?utm_source=news&utm_medium=Email&gclid=x1",
                    "utm_source": "news",
                    "utm_medium": "Email",
                    "gclid": "x1",
                }
            },
        ),
        Example(
            says="What was sent stays",
            before={"properties": {"$current_url": "https://shop.example/?utm_source=news", "utm_source": "partner"}},
            after={"properties": {"$current_url": "https://shop.example/?utm_source=news", "utm_source": "partner"}},
        ),
    )

    def open(self) -> None:
        self._url = self.config.url
        self._names = {name.lower(): self.config.prefix + name for name in self.config.parameters}
        self._read = Remembered(self._campaign, ADDRESSES_KEPT)

    def reads(self) -> Collection[str]:
        return (self.config.url,)

    def gives(self) -> Collection[str]:
        return self._names.values()

    def additions(self, given: Given) -> Mapping[str, Any]:
        url = given.get(self._url)
        if not isinstance(url, str):
            return {}
        found = self._read[url] if len(url) <= REMEMBERED_CHARS_MAX else self._campaign(url)
        return missing(given, found) if found else found

    def _campaign(self, url: str) -> dict[str, str]:
        address = parsed_address(url)
        if address is None or not address.scheme.startswith("http"):
            return _NO_CAMPAIGN
        pairs = query_pairs(address.query or "")
        if self.config.in_fragment and address.fragment:
            # Applications that name their pages after `#` put the query after a `?` there.
            before, mark, after = address.fragment.partition("?")
            pairs += query_pairs(after if mark else before)
        found: dict[str, str] = {}
        for name, value in pairs:
            wanted = self._names.get(name.lower())
            if wanted and value:
                found.setdefault(wanted, value)
        return found or _NO_CAMPAIGN
