"""Web addresses taken apart and put together again, the way browsers do it: any text in, no error out.

The rules are those of the WHATWG URL standard as far as its parts go (scheme, user, host, port, path, query,
fragment), because the addresses in events come out of browsers. What the standard calls a failure is None here.
Relative addresses are none: an event does not say relative to what.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from schemas.web_host import HOST_CHARS_MAX, canonical_host
from schemas.wildcards import wildcard_expression

__all__ = [
    "REMEMBERED_CHARS_MAX",
    "WebAddress",
    "parsed_address",
    "written_address",
    "without_dot_segments",
    "name_pattern",
]

ADDRESSES_KEPT = 4_096
"""How many parsed addresses a worker remembers: some 4 MB, and one event's address is read by several transforms."""
REMEMBERED_CHARS_MAX = 2_048
"""Of an address, here and by those who remember what they made of one: thousands of megabytes must not pile up. More
than browsers and servers agree on nobody visits again and again."""
WEB_PORTS = {"http": "80", "https": "443"}
_PORT_MAX = 65_535


class WebAddress(NamedTuple):
    """The parts. Scheme and host are in lower case; a query or fragment that is there but empty is "", not None."""

    scheme: str
    user: str
    """`name:password` or `name`, as written; empty without."""
    host: str
    """A name (punycode where it has other letters), an IPv4 address, or an IPv6 address in brackets."""
    port: str
    """Empty where it is the scheme's own."""
    path: str
    """As written, never empty for http and https."""
    query: str | None
    fragment: str | None

    @property
    def host_and_port(self) -> str:
        """As `location.host` in a browser."""
        return f"{self.host}:{self.port}" if self.port else self.host


_SPACE_OR_CONTROL = "".join(map(chr, range(0x21)))
_BREAKS = {ord(mark): None for mark in "\t\n\r"}
# By far the most addresses are of this form; whatever is not takes the long way.
_ORDINARY = re.compile(
    r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*)(?::([0-9]+))?(/[^?#\\\x00-\x20]*)?"
    r"(?:\?([^#\x00-\x20]*))?(?:#([^\x00-\x20]*))?",
    re.IGNORECASE | re.ASCII,
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE | re.ASCII)


def parsed_address(text: str) -> WebAddress | None:
    """The parts of an absolute address with an authority (`scheme://…`), or None."""
    return _remembered(text) if len(text) <= REMEMBERED_CHARS_MAX else _parsed(text)


def _parsed(text: str) -> WebAddress | None:
    found = _ORDINARY.fullmatch(text)
    if found is None:
        return _parsed_with_care(text)
    scheme = found[1].lower()
    port = _port(found[3] or "", scheme)
    if port is None or len(found[2]) > HOST_CHARS_MAX:
        return None
    return WebAddress(scheme, "", found[2].lower(), port, found[4] or "/", found[5], found[6])


_remembered = lru_cache(maxsize=ADDRESSES_KEPT)(_parsed)


def _parsed_with_care(text: str) -> WebAddress | None:
    text = text.strip(_SPACE_OR_CONTROL).translate(_BREAKS)
    found = _SCHEME.match(text)
    if found is None:
        return None
    scheme, rest = found[1].lower(), text[found.end() :]
    before, hash_, fragment = rest.partition("#")
    before, mark, query = before.partition("?")
    if scheme in WEB_PORTS:
        # Browsers take backslashes for slashes here, and any number of them.
        before = before.replace("\\", "/").lstrip("/")
    elif before.startswith("//"):
        before = before[2:]
    else:
        return None
    authority, slash, path = before.partition("/")
    user, _, place = authority.rpartition("@")
    host_and_port = _host_and_port(place, scheme)
    if host_and_port is None:
        return None
    path = slash + path or ("/" if scheme in WEB_PORTS else "")
    return WebAddress(
        scheme, user if user != ":" else "", *host_and_port, path, query if mark else None, fragment if hash_ else None
    )


def _host_and_port(place: str, scheme: str) -> tuple[str, str] | None:
    if place.startswith("["):
        host, bracket, port = place.partition("]")
        host += bracket
        if port and not port.startswith(":"):
            return None
        port = port[1:]
    else:
        host, _, port = place.partition(":")
    checked = _port(port, scheme)
    name = canonical_host(host, scheme in WEB_PORTS)
    return None if name is None or checked is None else (name, checked)


def _port(digits: str, scheme: str) -> str | None:
    """Empty for none and for the scheme's own, None for what is no port."""
    if not digits:
        return ""
    digits = digits.lstrip("0") if digits.isascii() and digits.isdigit() else "none"
    if digits == "none" or len(digits) > 5 or int(digits or "0") > _PORT_MAX:
        return None
    return "" if digits == WEB_PORTS.get(scheme) else digits or "0"


def written_address(address: WebAddress) -> str:
    """The address of these parts."""
    user = f"{address.user}@" if address.user else ""
    query = "" if address.query is None else f"?{address.query}"
    fragment = "" if address.fragment is None else f"#{address.fragment}"
    return f"{address.scheme}://{user}{address.host_and_port}{address.path}{query}{fragment}"


_DOT = frozenset({".", "%2e", "%2E"})
_DOUBLE_DOT = frozenset({f"{first}{second}" for first in _DOT for second in _DOT})


def without_dot_segments(path: str) -> str:
    """The path with `.` and `..` followed (RFC 3986, 5.2.4; browsers take `%2e` for a dot as well)."""
    if "/." not in path and "/%2" not in path and not path.startswith((".", "%2")):
        return path
    root = path.startswith("/")
    kept: list[str] = []
    segments = path.split("/")[1:] if root else path.split("/")
    for segment in segments:
        if segment in _DOUBLE_DOT:
            del kept[-1:]
        elif segment not in _DOT:
            kept.append(segment)
    if segments[-1] in _DOT or segments[-1] in _DOUBLE_DOT:
        kept.append("")
    return ("/" if root else "") + "/".join(kept)


def name_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Matches (fullmatch) any of the names, in any case; `*` stands for any characters, none included."""
    return re.compile("|".join(map(wildcard_expression, names)) or r"(?!)", re.IGNORECASE | re.DOTALL)
