"""Where a visit came from: a search, a social network, a mail, an advertisement, the site itself, or nowhere known."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import msgspec
from publicsuffixlist import PublicSuffixList

from schemas.event_parts import completed
from schemas.known_referrers import KnownSource, ReferrerIndex, built_in_places
from schemas.percent_encoding import query_pairs
from schemas.web_address import REMEMBERED_CHARS_MAX, WebAddress, parsed_address
from transforms.interface import Annotated, Example, LookupSource, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["ParseReferrer"]

ADDRESSES_KEPT = 8_192
"""How many results a worker remembers: some 8 MB; most visits come from the same few places and pages."""
_LIST = "referrers"
_DIRECT = ("", "$direct")
"""What browsers and product analytics libraries send where nobody referred."""


class Config(TransformConfig, frozen=True):
    referrer: Annotated[str, about("The property that holds the URL of the page before.")] = "$referrer"
    page: Annotated[str, about("The property that holds the URL of this page, to know what is internal.")] = (
        "$current_url"
    )
    domain: Annotated[str, about("Where the host of the page before goes; empty: nowhere.")] = "$referring_domain"
    medium: Annotated[str, about("Where the medium goes; empty: nowhere.")] = "$referrer_medium"
    source: Annotated[str, about("Where the name of the source goes (Google, Facebook); empty: nowhere.")] = (
        "$referrer_source"
    )
    term: Annotated[str, about("Where the search term goes; empty: nowhere.")] = "$referrer_term"
    internal_domains: Annotated[
        tuple[str, ...], about("Domains that are this site as well; their subdomains count.")
    ] = ()
    file: Annotated[
        str,
        about(
            "A file or address with more sources, which go before the built-in ones: JSON, medium → name → "
            "`domains` and `parameters`, as Snowplow publishes it."
        ),
    ] = ""


class _Listed(msgspec.Struct, frozen=True):
    domains: tuple[str, ...]
    parameters: tuple[str, ...] = ()


class ParseReferrer(Transform[Config]):
    """Tell where a visit came from: host, medium, source and search term.

    The medium is `search`, `social`, `email`, `paid`, `ai` (assistants), `internal` (the same registered domain as
    this page, or one of `internal_domains`), `direct` (the referrer is empty) or `unknown`. Some 400 sources are
    known; `file` adds newer ones. Hosts are registered domains by the public suffix list.

    Without the property nothing is added; a property that was sent is never overwritten, null counts as not sent.
    Search engines keep the term to themselves more often than not.
    """

    name = "parse_referrer"
    Config = Config
    examples = (
        Example(
            says="A search",
            before={"properties": {"$referrer": "https://www.google.co.uk/search?q=event+pipeline"}},
            after={
                "properties": {
                    "$referrer": "https://www.google.co.uk/search?q=event+pipeline",
                    "$referring_domain": "www.google.co.uk",
                    "$referrer_medium": "search",
                    "$referrer_source": "Google",
                    "$referrer_term": "event pipeline",
                }
            },
        ),
        Example(
            says="The same site",
            config={"domain": ""},
            before={"properties": {"$referrer": "https://blog.shop.example/", "$current_url": "https://shop.example/"}},
            after={
                "properties": {
                    "$referrer": "https://blog.shop.example/",
                    "$current_url": "https://shop.example/",
                    "$referrer_medium": "internal",
                }
            },
        ),
    )

    @classmethod
    def sources(cls, config: Any) -> dict[str, LookupSource]:
        """The operator's list, if there is one."""
        return {_LIST: LookupSource(config.file, read_list)} if config.file else {}

    def open(self) -> None:
        config = self.config
        self._asked = frozenset((config.referrer, config.page, config.domain, config.medium, config.source))
        self._suffixes = _suffixes()
        self._internal = frozenset(name.lower().strip(".") for name in self.config.internal_domains)
        self._index = ReferrerIndex(built_in_places())
        self._answers = lru_cache(maxsize=ADDRESSES_KEPT)(self._answer)

    def reads(self) -> Collection[str]:
        return self._asked

    def gives(self) -> Collection[str]:
        return (self.config.term,)

    def __call__(self, event: OpenEvent) -> Result:
        content = event._some(self._asked)
        referrer = content.get(self.config.referrer, 0)
        if not isinstance(referrer, str):
            if referrer is not None:
                return event
            referrer = ""
        if self.lookups and self.lookups[_LIST].value is not self._index:
            self._index = self.lookups[_LIST].value
            self._answers.cache_clear()
        page = content.get(self.config.page)
        if not isinstance(page, str):
            page = ""
        answers = self._answers if len(referrer) + len(page) <= REMEMBERED_CHARS_MAX else self._answer
        return completed(event, answers(referrer, page))

    def _answer(self, referrer: str, page: str) -> dict[str, str]:
        config = self.config
        if referrer.strip() in _DIRECT:
            return {config.medium: "direct"} if config.medium else {}
        address = parsed_address(referrer)
        answer = {config.medium: "unknown"}
        if address is not None and address.host.strip("."):
            address = address._replace(host=address.host.removesuffix("."))
            answer = {config.domain: address.host, **self._of(address, page)}
        answer.pop("", None)
        return answer

    def _of(self, address: WebAddress, page: str) -> dict[str, str]:
        config = self.config
        if self._is_internal(address.host, page):
            return {config.medium: "internal"}
        source = self._index.find(address.host, address.path)
        if source is None:
            return {config.medium: "unknown"}
        said = {config.medium: source.medium, config.source: source.name}
        term = _term(source, address.query or "")
        return {**said, config.term: term} if term else said

    def _is_internal(self, host: str, page: str) -> bool:
        if any(host == domain or host.endswith("." + domain) for domain in self._internal):
            return True
        here = parsed_address(page) if page else None
        if here is None or not here.host:
            return False
        return self._registered(here.host.removesuffix(".")) == self._registered(host)

    def _registered(self, host: str) -> str:
        """The domain somebody registered; an address, a bare name or a public suffix stands for itself."""
        if host.startswith("[") or host.replace(".", "").isdigit():
            return host
        registered: str | None = self._suffixes.privatesuffix(host)
        return registered or host


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    # Read once however many entries of the configuration use it: it has ten thousand rules.
    return PublicSuffixList()


def _term(source: KnownSource, query: str) -> str:
    if not (source.parameters and query):
        return ""
    said: dict[str, str] = {}
    for name, value in query_pairs(query):
        said.setdefault(name, value)
    return next((said[name] for name in source.parameters if said.get(name)), "")


def read_list(path: str) -> ReferrerIndex:
    """The built-in sources and those of a file, which go before them. Raises OSError and ValueError."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        media: dict[str, Any] = msgspec.json.decode(content, type=dict[str, dict[str, _Listed]])
    except msgspec.DecodeError as problem:
        raise ValueError(f"it is not JSON of medium, name, domains and parameters: {problem}") from None
    places = built_in_places()
    for medium, names in media.items():
        for name, listed in names.items():
            source = KnownSource(medium, name, listed.parameters)
            places.update(dict.fromkeys((domain.lower() for domain in listed.domains), source))
    return ReferrerIndex(places)
