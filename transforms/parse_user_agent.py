"""Browsers, operating systems and devices are read off the user agent, by the rules of the uap-core project.

The rules (package `ua-parser-builtins`) are kept by many and come out monthly; what an agent is called may therefore
change when that package is updated. The kind of device is decided here: the rules do not say it.
"""

import re
from collections.abc import Collection, Iterator
from functools import _CacheInfo, lru_cache
from importlib.metadata import version

from ua_parser import OS, Device, Domain, PartialResult, UserAgent
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

from schemas.event_parts import completed
from transforms.interface import Annotated, DataFile, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["ParseUserAgent"]

AGENTS_KEPT = 16_384
"""How many agents a worker remembers: some 16 MB; a busy site sees a few thousand different ones an hour."""
AGENT_CHARS_MAX = 1_024
"""What is behind is not read: browsers stay far below, and an agent of megabytes must not fill the memory."""

_ELSEWHERE = re.compile(
    r"\bTV\b|SmartTV|AppleTV|GoogleTV|HbbTV|tvOS|Web0S|BRAVIA|\bAFT[A-Z]|CrKey|Roku|Nintendo|PlayStation|Xbox|Dreamcast"
    r"|watchOS|Apple Watch|HomePod|OculusBrowser",
    re.IGNORECASE,
)
"""Television sets, consoles, watches, loudspeakers and headsets."""
_TABLET = re.compile(r"\biPad|tablet(?! PC)|touchpad|PlayBook|Kindle|\bKF[A-Z]{2,5}\b", re.IGNORECASE)
"""`Tablet PC` is a component that any Windows may name."""
_MOBILE = re.compile(
    r"mobile|mobi/|iPhone|iPod|Windows Phone|BlackBerry|\bBB10\b|Symbian|Series ?[346]0|MIDP|Opera Mini|J2ME|\bBREW\b"
    r"|\bBMP\b|UP\.Browser|KAIOS|MeeGo|UCWEB|Obigo|NetFront",
    re.IGNORECASE,
)
_MOBILE_SYSTEMS = frozenset({"iOS", "Android", "Windows Phone", "Windows Mobile", "Windows CE", "BlackBerry OS"})
_DESKTOP_SYSTEMS = re.compile(
    r"Windows|Mac OS|Chrome OS|Linux|Ubuntu|Kubuntu|Debian|Fedora|Red Hat|SUSE|Mint|Gentoo|Arch|Mandriva|CentOS"
    r"|Slackware|\w*BSD\b|Solaris",
)
_BROWSER_LIKE = re.compile(r"Mozilla/|Opera/")
"""Libraries and command line tools name their system as well, but begin otherwise."""
_HIDDEN_MODEL = "K"
"""What Chrome says in place of an Android device's model since version 110."""


class Config(TransformConfig, frozen=True):
    property: Annotated[str, about("Which property holds the user agent.")] = "$raw_user_agent"
    overwrite: Annotated[bool, about("Whether to replace what the sender already gave.")] = False
    browser: Annotated[str, about("Where the browser's name goes; empty: nowhere.")] = "$browser"
    browser_version: Annotated[str, about("Where its version goes; empty: nowhere.")] = "$browser_version"
    os: Annotated[str, about("Where the operating system goes; empty: nowhere.")] = "$os"
    os_version: Annotated[str, about("Where its version goes; empty: nowhere.")] = "$os_version"
    device: Annotated[str, about("Where the device's name goes; empty: nowhere.")] = "$device"
    device_brand: Annotated[str, about("Where its brand goes; empty: nowhere.")] = "$device_brand"
    device_model: Annotated[str, about("Where its model goes; empty: nowhere.")] = "$device_model"
    device_type: Annotated[str, about("Where desktop, mobile, tablet, bot or other goes; empty: nowhere.")] = (
        "$device_type"
    )


class ParseUserAgent(Transform[Config]):
    """Tell browser, operating system and device from the user agent.

    What the sender already says of them stays, unless `overwrite` is set; null counts as not said. What the rules do
    not know is left out. `$device_type` is `desktop`, `mobile`, `tablet`, `bot` or `other` (television sets, consoles,
    watches, programs that are no browsers, and whatever is not recognized). An Android device that does not call
    itself mobile is a tablet, as Google asks of its makers. An iPad with a desktop site says that it is a Mac, and so
    it is told here; Chrome on Android no longer names the model. Only the first 1,024 characters are read.
    """

    name = "parse_user_agent"
    Config = Config
    examples = (
        Example(
            says="A browser on a telephone",
            config={"device": "", "device_brand": ""},
            before={
                "properties": {
                    "$raw_user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
                    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
                }
            },
            after={
                "properties": {
                    "$raw_user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
                    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                    "$browser": "Mobile Safari",
                    "$browser_version": "17.5",
                    "$os": "iOS",
                    "$os_version": "17.5",
                    "$device_model": "iPhone",
                    "$device_type": "mobile",
                }
            },
        ),
        Example(
            says="What the sender gave stays",
            before={"properties": {"$raw_user_agent": "curl/8.9.1", "$browser": "our script"}},
            after={
                "properties": {
                    "$raw_user_agent": "curl/8.9.1",
                    "$browser": "our script",
                    "$browser_version": "8.9.1",
                    "$device_type": "other",
                }
            },
        ),
    )

    def open(self) -> None:
        self._resolve = _resolver()
        self._said_by = lru_cache(maxsize=AGENTS_KEPT)(self._read)

    def cache_info(self) -> _CacheInfo:
        """How often an agent was known already: hits, misses, size."""
        return self._said_by.cache_info()

    def data(self) -> tuple[DataFile, ...]:
        month = version("ua-parser-builtins")
        return (DataFile("the package ua-parser-builtins", month, f"{month[:4]}-{month[4:6]}-01"),)

    def reads(self) -> Collection[str]:
        return (
            self.config.property,
            self.config.browser,
            self.config.browser_version,
            self.config.os,
            self.config.os_version,
            self.config.device,
            self.config.device_brand,
            self.config.device_model,
            self.config.device_type,
        )

    def __call__(self, event: OpenEvent) -> Result:
        agent = event.get(self.config.property)
        if not isinstance(agent, str) or not agent:
            return event
        return completed(event, self._said_by(agent[:AGENT_CHARS_MAX]), self.config.overwrite)

    def _read(self, agent: str) -> dict[str, str]:
        """What to say of an agent, by the names of the properties."""
        config = self.config
        answer = self._resolve(agent, Domain.ALL)
        found: dict[str, str | None] = {config.device_type: device_type(agent, answer)}
        if browser := answer.user_agent:
            found |= {config.browser: browser.family, config.browser_version: _version(browser)}
        if system := answer.os:
            found |= {config.os: system.family, config.os_version: _version(system)}
        if (device := answer.device) and device.family != _HIDDEN_MODEL:
            found |= {config.device: device.family, config.device_brand: device.brand}
            found[config.device_model] = device.model
        return {name: value for name, value in found.items() if name and value}


@lru_cache(maxsize=1)
def _resolver() -> Resolver:
    """One for all: the compiled rules take a third of a second to make, and some 25 MB."""
    return Resolver(load_lazy_builtins())


def device_type(agent: str, answer: PartialResult) -> str:
    """desktop, mobile, tablet, bot or other."""
    device, system = answer.device, answer.os.family if answer.os else ""
    if device and device.family == "Spider":
        return "bot"
    if _ELSEWHERE.search(agent):
        return "other"
    if _TABLET.search(agent) or _is_kindle(device):
        return "tablet"
    if _MOBILE.search(agent):
        return "mobile"
    if system == "Android":
        return "tablet" if _BROWSER_LIKE.match(agent) else "mobile"
    if system in _MOBILE_SYSTEMS:
        return "mobile"
    if _DESKTOP_SYSTEMS.match(system) and _BROWSER_LIKE.search(agent):
        return "desktop"
    # The rules know the names of thousands of telephones, and of few things else.
    return "mobile" if device and device.brand not in (None, "Apple", "Generic") else "other"


def _is_kindle(device: Device | None) -> bool:
    return device is not None and device.family.startswith("Kindle")


def _version(of: UserAgent | OS) -> str:
    return ".".join(_parts(of))


def _parts(of: UserAgent | OS) -> Iterator[str]:
    for part in (of.major, of.minor, of.patch, of.patch_minor):
        if not part:
            return
        yield part
