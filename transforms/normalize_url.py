"""One page, one address: spellings that mean the same become one, and what only tracks a visit goes.

Syntax-based and scheme-based normalization are those of RFC 3986, 6.2.2 and 6.2.3.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Literal

from schemas.percent_encoding import percent_decoded, percent_normalized
from schemas.tracking_parameters import CLICK_IDS
from schemas.web_address import (
    REMEMBERED_CHARS_MAX,
    name_pattern,
    parsed_address,
    without_dot_segments,
    written_address,
)
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["NormalizeUrl"]

_TRACKING = (
    "utm_*",
    *CLICK_IDS,
    "igsh",
    "mc_eid",
    "ysclid",
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "__hstc",
    "__hssc",
    "__hsfp",
    "vero_id",
    "_openstat",
    "srsltid",
)
ADDRESSES_KEPT = 8_192
"""How many results a worker remembers: some 4 MB; the pages of a site are visited again and again."""
_UNWRITABLE = re.compile(r"[\x00-\x20\x7f]")
_SLASHES = Literal["keep", "add", "remove"]


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Which properties hold URLs.")] = ("$current_url",)
    trailing_slash: Annotated[
        _SLASHES, about("Of a path: `keep` as sent, `remove`, or `add` unless its last part looks like a file's name.")
    ] = "keep"
    remove_fragment: Annotated[bool, about("Whether `#…` goes; some applications name their pages there.")] = False
    sort_parameters: Annotated[
        bool, about("Whether query parameters are put into the order of their names; of one name, their order stays.")
    ] = False
    remove_parameters: Annotated[
        tuple[str, ...], about("Query parameters that go, in any case; `*` stands for any characters.")
    ] = _TRACKING


class NormalizeUrl(Transform[Config]):
    """Spell the URL of a page in one way, so that it is counted as one page.

    Scheme and host become lower case, the scheme's own port goes, `.` and `..` in the path are followed, needless
    percent-encoding is undone, and parameters that only track a visit are removed. The trailing slash, the fragment
    and the order of parameters are only touched where the configuration says so: they can mean something.

    What is no absolute URL (`scheme://…`) stays as it is. Place `extract_campaign` before it: afterwards the
    campaign's parameters are gone.
    """

    name = "normalize_url"
    Config = Config
    examples = (
        Example(
            says="Spelling and tracking",
            before={"properties": {"$current_url": "HTTPS://Shop.Example:443/a/../b%7E?id=7&utm_source=x&fbclid=y"}},
            after={"properties": {"$current_url": "https://shop.example/b~?id=7"}},
        ),
        Example(
            says="All rules",
            config={"trailing_slash": "remove", "remove_fragment": True, "sort_parameters": True},
            before={"properties": {"$current_url": "https://shop.example/cart/?b=2&a=1#top"}},
            after={"properties": {"$current_url": "https://shop.example/cart?a=1&b=2"}},
        ),
    )

    def open(self) -> None:
        self._tracking = name_pattern(self.config.remove_parameters)
        self._normalize = lru_cache(maxsize=ADDRESSES_KEPT)(self._normalized)

    def reads(self) -> Collection[str]:
        return self.config.properties

    def __call__(self, event: OpenEvent) -> Result:
        changed: dict[str, Any] = {}
        for name in self.config.properties:
            value = event.get(name)
            if not isinstance(value, str):
                continue
            normal = self._normalize(value) if len(value) <= REMEMBERED_CHARS_MAX else self._normalized(value)
            if normal != value:
                changed[name] = normal
        return event.adding(changed)

    def _normalized(self, text: str) -> str:
        address = parsed_address(text)
        if address is None:
            return text
        path = without_dot_segments(_spelled(address.path.replace("\\", "/")))
        query, fragment = address.query, address.fragment
        if self.config.remove_fragment:
            fragment = None
        return written_address(
            address._replace(
                path=self._with_slash(path),
                query=None if query is None else self._query(_spelled(query)),
                fragment=None if fragment is None else _spelled(fragment),
            )
        )

    def _with_slash(self, path: str) -> str:
        rule = self.config.trailing_slash
        if rule == "remove":
            return path.rstrip("/") or path[:1]
        if rule == "add" and not path.endswith("/") and "." not in path.rpartition("/")[2]:
            return path + "/"
        return path

    def _query(self, query: str) -> str | None:
        """None where every parameter went; an empty query that was sent stays, it may be another page."""
        if not query:
            return query
        parts = [part for part in query.split("&") if not self._tracking.fullmatch(_name(part))]
        if not parts:
            return None
        if self.config.sort_parameters:
            parts.sort(key=lambda part: part.partition("=")[0])
        return "&".join(parts)


def _spelled(text: str) -> str:
    # Spaces and controls are written as browsers write them: at the end of an address they would be lost.
    return percent_normalized(_UNWRITABLE.sub(lambda found: f"%{ord(found[0]):02X}", text))


def _name(part: str) -> str:
    return percent_decoded(part.partition("=")[0], plus=True)
