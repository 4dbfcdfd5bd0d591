"""Percent-encoding (RFC 3986, 2.1) and the queries written with it: any text in, no error out."""

import re

__all__ = ["percent_decoded", "percent_normalized", "query_pairs"]

_ENCODED = re.compile(rb"%([0-9a-fA-F]{2})")
_TRIPLET = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def percent_decoded(text: str, *, plus: bool = False) -> str:
    """What the text says; bytes that are no UTF-8 become U+FFFD, a lone `%` stays, `plus` takes + for a space."""
    if plus and "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    return _ENCODED.sub(lambda found: bytes((int(found[1], 16),)), raw).decode("utf-8", "replace")


def percent_normalized(text: str) -> str:
    """Hexadecimal digits in upper case, and unreserved characters as themselves (RFC 3986, 6.2.2.1 and 6.2.2.2)."""
    return _TRIPLET.sub(_normal_triplet, text) if "%" in text else text


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Names and values, decoded, in their order: application/x-www-form-urlencoded as the URL standard reads it."""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((percent_decoded(name, plus=True), percent_decoded(value, plus=True)))
    return pairs


def _normal_triplet(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()
