"""Hosts as browsers spell them: lower case, punycode, and addresses in their one canonical form."""

import ipaddress
import re

from schemas.percent_encoding import percent_decoded

__all__ = ["HOST_CHARS_MAX", "canonical_host"]

_FORBIDDEN = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
"""What the URL standard lets stand in no host."""
_ADDRESS_PARTS_MAX = 4
HOST_CHARS_MAX = 253
"""Of a name in the DNS without its final dot (RFC 1035, 2.3.4). Longer ones lead nowhere, and cost time and memory."""


def canonical_host(host: str, web: bool) -> str | None:
    """None for what is no host. `web`: of http and https, where an empty one is an error and `%41.com` means a.com."""
    if host.startswith("["):
        return _v6(host[1:-1]) if host.endswith("]") else None
    if not web:
        return None if len(host) > HOST_CHARS_MAX + 1 or _FORBIDDEN.search(host.replace("%", "")) else host.lower()
    host = percent_decoded(host)
    if len(host) > HOST_CHARS_MAX + 1:
        return None
    try:
        host = host.lower() if host.isascii() else host.encode("idna").decode().lower()
    except UnicodeError:
        return None
    if not host or len(host.removesuffix(".")) > HOST_CHARS_MAX or _FORBIDDEN.search(host):
        return None
    labels = host.removesuffix(".").split(".")
    last = labels[-1]
    if (last.isdigit() and last.isascii()) or (last.startswith("0x") and _number(last) is not None):
        return _v4(labels)
    return host


def _v6(text: str) -> str | None:
    try:
        return None if "%" in text else f"[{ipaddress.IPv6Address(text)}]"
    except ValueError:
        return None


def _v4(labels: list[str]) -> str | None:
    """Browsers also take `0x7f.1` for an address (URL standard, IPv4 parser)."""
    numbers = [_number(label) for label in labels]
    if len(numbers) > _ADDRESS_PARTS_MAX:
        return None
    address = 0
    for place, number in enumerate(numbers):
        bytes_left = 5 - len(numbers) if place == len(numbers) - 1 else 1
        if number is None or number >= 256**bytes_left:
            return None
        address = address * 256**bytes_left + number
    return str(ipaddress.IPv4Address(address))


def _number(label: str) -> int | None:
    """Decimal, octal after 0, hexadecimal after 0x."""
    if not re.fullmatch(r"0x[0-9a-f]*|0[0-7]*|[1-9][0-9]*", label) or len(label) > 64:
        return None
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)
