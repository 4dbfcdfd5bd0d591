"""One text for every JSON value, however it was spelled: RFC 8785 (JSON Canonicalization Scheme).

It differs from the RFC in one rule, for the sake of large ids: an integer keeps all its digits. The RFC takes every
number for a float, so that 9007199254740993 and 9007199254740992 would be the same.
"""

import math
from json.encoder import encode_basestring
from typing import Any

import msgspec

__all__ = ["canonical"]


def canonical(value: Any) -> str:
    """The text of a JSON value: keys sorted, no blanks, numbers as ECMAScript spells them."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: Any, parts: list[str]) -> None:
    """One frame per level, so that what the parser can nest can be written."""
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif isinstance(value, dict):
        parts.append("{")
        for number, name in enumerate(sorted(value, key=_utf16)):
            parts.append(f"{',' if number else ''}{encode_basestring(name)}:")
            _write(value[name], parts)
        parts.append("}")
    elif isinstance(value, list | tuple):
        parts.append("[")
        for number, item in enumerate(value):
            if number:
                parts.append(",")
            _write(item, parts)
        parts.append("]")
    else:
        parts.append(_plain(value))


def _utf16(name: str) -> bytes:
    """The RFC sorts by UTF-16 units, which only beyond the basic plane is another order than Python's."""
    return name.encode("utf-16-be", "surrogatepass")


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()  # a number that nothing holds is spelled as sent
    raise TypeError(f"{type(value).__name__} is no JSON")


def _number(value: float) -> str:
    """The shortest digits that give the float back, placed as ECMAScript does (ECMA-262, Number::toString)."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "null"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    padded = whole + fraction
    digits = padded.lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(padded) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return f"{sign}{digits}{'0' * (point - count)}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    dot = "." if count > 1 else ""
    return f"{sign}{digits[0]}{dot}{digits[1:]}e{point - 1:+d}"
