"""The parts of a page's URL become properties one can group and filter by."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from schemas.event_parts import missing
from schemas.percent_encoding import query_pairs
from schemas.remembered import Remembered
from schemas.web_address import REMEMBERED_CHARS_MAX, parsed_address
from transforms.interface import Annotated, Example, Given, Transform, TransformConfig, about

__all__ = ["SplitUrl"]

ADDRESSES_KEPT = 8_192
"""How many results a worker remembers: some 8 MB; the pages of a site are visited again and again."""
_REPEATS = Literal["first", "last", "all"]


class Config(TransformConfig, frozen=True):
    url: Annotated[str, about("The property that holds the URL.")] = "$current_url"
    host: Annotated[str, about("Where its host goes, with the port if it is not the usual one; empty: nowhere.")] = (
        "$host"
    )
    path: Annotated[str, about("Where its path goes, as spelled in the URL; empty: nowhere.")] = "$pathname"
    search: Annotated[str, about("Where its query goes, with the `?`; empty: nowhere.")] = ""
    parameters: Annotated[tuple[str, ...], about("Query parameters to read, by their exact names.")] = ()
    prefix: Annotated[str, about("What the names of their properties begin with.")] = "url_"
    repeats: Annotated[
        _REPEATS, about("Of a parameter given more than once: the first, the last, or a list of all (always a list).")
    ] = "first"
    overwrite: Annotated[bool, about("Whether what was sent under these names is replaced.")] = False


class SplitUrl(Transform[Config]):
    """Read host, path and chosen query parameters from a URL into properties.

    Works for http and https URLs, read as browsers read them; anything else adds nothing. Values of parameters are
    decoded. A property that was sent keeps its value unless `overwrite` says otherwise; null counts as not sent.
    """

    name = "split_url"
    Config = Config
    examples = (
        Example(
            says="Host and path, and one parameter",
            config={"parameters": ["q"]},
            before={"properties": {"$current_url": "https://Shop.example:8443/search?q=red+shoes&page=2"}},
            after={
                "properties": {
                    "$current_url": "https://Shop.example:8443/search?q=red+shoes&page=2",
                    "$host": "shop.example:8443",
                    "$pathname": "/search",
                    "url_q": "red shoes",
                }
            },
        ),
        Example(
            says="All of a repeated parameter, and nothing else",
            config={"host": "", "path": "", "parameters": ["tag"], "prefix": "", "repeats": "all"},
            before={"properties": {"$current_url": "https://shop.example/?tag=a&tag=b"}},
            after={"properties": {"$current_url": "https://shop.example/?tag=a&tag=b", "tag": ["a", "b"]}},
        ),
    )

    def open(self) -> None:
        self._url = self.config.url
        self._split = Remembered(self._parts, ADDRESSES_KEPT)

    def reads(self) -> Collection[str]:
        return self.config.url, self.config.host, self.config.path

    def gives(self) -> Collection[str]:
        return self.config.search, *(self.config.prefix + name for name in self.config.parameters)

    def additions(self, given: Given) -> Mapping[str, Any]:
        url = given.get(self._url)
        if not isinstance(url, str):
            return {}
        found = self._split[url] if len(url) <= REMEMBERED_CHARS_MAX else self._parts(url)
        if self.config.repeats == "all":
            # A list is handed out to whoever changes the event next.
            found = {name: [*value] if isinstance(value, list) else value for name, value in found.items()}
        return missing(given, found, self.config.overwrite)

    def _parts(self, url: str) -> dict[str, Any]:
        address = parsed_address(url)
        if address is None or not address.scheme.startswith("http"):
            return {}
        config, query = self.config, address.query
        parts = {config.host: address.host_and_port, config.path: address.path}
        if query:
            parts |= {config.search: f"?{query}", **self._values(query)}
        parts.pop("", None)
        return parts

    def _values(self, query: str) -> dict[str, Any]:
        pairs = query_pairs(query)
        values: dict[str, Any] = {}
        for wanted in self.config.parameters:
            found = [value for name, value in pairs if name == wanted]
            if found:
                values[self.config.prefix + wanted] = self._one(found)
        return values

    def _one(self, found: list[str]) -> Any:
        if self.config.repeats == "all":
            return found
        return found[0] if self.config.repeats == "first" else found[-1]
