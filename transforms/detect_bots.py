"""Crawlers, monitors and scripts are told from visitors by what they call themselves and where they come from.

The names are those of the project crawler-user-agents (MIT licence), kept by many; the address ranges are given by the
operator, as the search engines publish them.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import _CacheInfo, lru_cache
from importlib.metadata import version
from typing import Literal

import crawleruseragents
from ua_parser_rs import UserAgentExtractor

from transforms.interface import (
    DROPPED,
    Annotated,
    DataFile,
    Example,
    LookupSource,
    OpenEvent,
    Result,
    Transform,
    TransformConfig,
    about,
)

__all__ = ["DetectBots", "Ranges", "read_ranges"]

AGENTS_KEPT = 16_384
"""How many agents a worker remembers: some 4 MB."""
AGENT_CHARS_MAX = 1_024
"""What is behind is not read: an agent of megabytes must not fill the memory."""
ADDRESSES_KEPT = 65_536
"""How many addresses a worker remembers: some 10 MB, and visitors send several events each."""
_TAGS = frozenset(tag for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA for tag in entry.get("tags", ()))


class Config(TransformConfig, frozen=True):
    user_agent: Annotated[str, about("Which property holds the user agent; empty: agents are not looked at.")] = (
        "$raw_user_agent"
    )
    address: Annotated[str, about("Which property holds the address; empty: addresses are not looked at.")] = "$ip"
    ranges: Annotated[tuple[str, ...], about("Address ranges of bots in CIDR notation: 66.249.64.0/19.")] = ()
    ranges_file: Annotated[
        str,
        about(
            "A path or URL with more of them: one a line, a name may follow it; or JSON as Google and Bing publish it."
        ),
    ] = ""
    ignore: Annotated[
        tuple[str, ...],
        about("Kinds of agents that are no bots here: http-library, monitoring, feed-reader, social-preview, …"),
    ] = ()
    action: Annotated[Literal["annotate", "drop"], about("What becomes of a bot's event.")] = "annotate"
    is_bot: Annotated[str, about("Which property becomes true; empty: none.")] = "$is_bot"
    bot_name: Annotated[str, about("Which property gets the bot's name; empty: none.")] = "$bot_name"

    def __post_init__(self) -> None:
        for tag in self.ignore:
            if tag not in _TAGS:
                raise ValueError(f"ignore: there is no kind {tag!r}; the kinds are {', '.join(sorted(_TAGS))}")
        Ranges((text, "") for text in self.ranges)


_Config = Config
"""In the class below, `Config` is its attribute, which is no type to annotate with."""


class DetectBots(Transform[Config]):
    """Mark events that a bot sent, or leave them out.

    A bot is who names itself so in its user agent (1,500 patterns of the list crawler-user-agents: search engines,
    previews of links, monitors, programming libraries such as curl) or whose address is in one of the ranges that you
    name. Its events get `$is_bot: true` and `$bot_name`, or are dropped, counted. Others stay as they are: nothing is
    said of them. Bots that pose as browsers are found by their addresses only. Programming libraries count as bots:
    where your own servers or applications send with one (okhttp, axios, …), put `http-library` in `ignore`.
    """

    name = "detect_bots"
    Config = Config
    examples = (
        Example(
            says="A search engine",
            before={
                "properties": {
                    "$raw_user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
                }
            },
            after={
                "properties": {
                    "$raw_user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                    "$is_bot": True,
                    "$bot_name": "Googlebot",
                }
            },
        ),
        Example(
            says="A network that only machines use, left out",
            config={"ranges": ["192.0.2.0/24"], "action": "drop"},
            before={"properties": {"$ip": "192.0.2.7"}},
            after=None,
            outcome="dropped",
        ),
        Example(
            says="A visitor",
            before={"properties": {"$raw_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}},
            after={"properties": {"$raw_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}},
        ),
    )

    @classmethod
    def sources(cls, config: _Config) -> Mapping[str, LookupSource]:
        return {"ranges": LookupSource(config.ranges_file, read_ranges)} if config.ranges_file else {}

    def open(self) -> None:
        self._given = Ranges((text, "") for text in self.config.ranges)
        self._file = self.lookups.get("ranges")
        self._read: Ranges | None = self._file.value if self._file else None
        self._named = lru_cache(maxsize=AGENTS_KEPT)(_names(frozenset(self.config.ignore)))
        self._located = lru_cache(maxsize=ADDRESSES_KEPT)(self._range)
        self._looks_at_addresses = bool(self.config.address) and bool(self._given or self._file)

    def cache_info(self) -> _CacheInfo:
        """How often agents and addresses were known already, together: hits, misses, size."""
        agents, addresses = self._named.cache_info(), self._located.cache_info()
        return _CacheInfo(
            agents.hits + addresses.hits,
            agents.misses + addresses.misses,
            AGENTS_KEPT + ADDRESSES_KEPT,
            agents.currsize + addresses.currsize,
        )

    def data(self) -> tuple[DataFile, ...]:
        added = max(entry.get("addition_date", "") for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA)
        return (DataFile("the package crawler-user-agents", version("crawler-user-agents"), added.replace("/", "-")),)

    def reads(self) -> Collection[str]:
        return self.config.user_agent, self.config.address

    def gives(self) -> Collection[str]:
        return self.config.is_bot, self.config.bot_name

    def __call__(self, event: OpenEvent) -> Result:
        name = self._bot(event)
        if name is None:
            return event
        if self.config.action == "drop":
            return DROPPED
        said = {self.config.is_bot: True, self.config.bot_name: name}
        new = {key: value for key, value in said.items() if key and event.get(key) != value}
        # 1 is True in Python, but not in JSON.
        if self.config.is_bot and event.get(self.config.is_bot) is not True:
            new[self.config.is_bot] = True
        return event.adding(new)

    def _bot(self, event: OpenEvent) -> str | None:
        """The bot's name; None for a visitor."""
        agent = event.get(self.config.user_agent)
        if isinstance(agent, str) and agent and (name := self._named(agent[:AGENT_CHARS_MAX])):
            return name
        if not self._looks_at_addresses:
            return None
        if self._file and self._file.value is not self._read:
            self._read = self._file.value
            self._located.cache_clear()
        address = event.get(self.config.address)
        return self._located(address) if isinstance(address, str) and len(address) < _ADDRESS_CHARS_MAX else None

    def _range(self, address: str) -> str | None:
        found = self._given.find(address)
        return found if found is not None or self._read is None else self._read.find(address)


_ADDRESS_CHARS_MAX = 100


@lru_cache(maxsize=8)
def _names(ignored: frozenset[str]) -> Callable[[str], str | None]:
    """What tells the name of the bot that an agent names, if any: all patterns at once, in one automaton of 9 MB."""
    entries = [e for e in crawleruseragents.CRAWLER_USER_AGENTS_DATA if ignored.isdisjoint(e.get("tags", ()))]
    find = UserAgentExtractor(
        [(entry["pattern"], bot_name(entry["pattern"]).replace("$", ""), None, None, None, None) for entry in entries]
    ).extract

    def named(agent: str) -> str | None:
        found = find(agent)
        return found.family if found else None

    return named


def bot_name(pattern: str) -> str:
    """What a pattern of the list looks for, as a person would write it: `[wW]get` becomes Wget."""
    text = re.sub(r"\(\^\| \)|\(\[\^-\]\|\$\)|\[\\s\\S\]\*.*|\\/\\d.*|[\^$]", "", pattern)
    text = re.sub(r"\[(\w)\w\]", lambda found: found[1].upper(), text)
    text = re.sub(r"(?<!\\)\((\w+)\|[^)]*\)", r"\1", text).split("|")[0]
    text = re.sub(r"\\(.)", r"\1", text)
    if text.count("(") != text.count(")"):
        text = text.partition("(")[0].replace(")", "")
    return text.strip(" /:;@")


class Ranges:
    """Address ranges with names, asked by how many bits they fix: one look per length that occurs."""

    def __init__(self, ranges: Iterable[tuple[str, str]]) -> None:
        self._lengths: dict[int, dict[int, dict[int, str]]] = {4: {}, 6: {}}
        for text, name in ranges:
            try:
                network = ipaddress.ip_network(text.strip(), strict=False)
            except ValueError:
                raise ValueError(f"{text!r} is no address range: write it like 192.0.2.0/24 or 2001:db8::/32") from None
            shift = network.max_prefixlen - network.prefixlen
            at = self._lengths[network.version].setdefault(shift, {})
            at[int(network.network_address) >> shift] = name or str(network)

    def __bool__(self) -> bool:
        return any(self._lengths.values())

    def find(self, text: str) -> str | None:
        """The name of the narrowest range that an address is in."""
        try:
            address = ipaddress.ip_address(text.strip().partition("%")[0])
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        number = int(address)
        for shift, networks in sorted(self._lengths[address.version].items()):
            if (name := networks.get(number >> shift)) is not None:
                return name
        return None


def read_ranges(path: str) -> Ranges:
    """A file of ranges: lines of `CIDR name`, `#` begins a comment; or JSON with `prefixes`. Raises ValueError."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if not text.lstrip().startswith("{"):
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return Ranges((cidr, name.strip()) for cidr, _, name in (line.partition(" ") for line in lines if line))
    prefixes = json.loads(text).get("prefixes")
    if not isinstance(prefixes, list):
        raise ValueError("a JSON file of ranges has a list `prefixes` of objects with ipv4Prefix or ipv6Prefix")
    found = (entry.get("ipv4Prefix") or entry.get("ipv6Prefix") for entry in prefixes if isinstance(entry, dict))
    return Ranges((cidr, "") for cidr in found if isinstance(cidr, str))
