"""JSON as senders write it: lone surrogates are mended, numbers of any size kept, limits kept as well."""

import json
import math
import re
from typing import Any, NoReturn

import msgspec

from schemas.event import RejectionCode
from schemas.limits import KEY_BYTES_MIN, Limits
from schemas.refused import Refused

__all__ = ["parse_json", "check_tree", "encoded", "parsed"]

_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: stays
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"  # a half without its other
    rb"|\\\\|\\[^u]"  # any other escape: stays, so that \\ud800 is not taken for one
)
_INTEGER_DIGITS = 300
"""A longer integer is kept as text: Python refuses to spell it, and a float cannot hold it."""


def parse_json(text: bytes, limits: Limits, name: str = "the record") -> tuple[Any, int]:
    """The JSON value, and how many lone surrogates were replaced by U+FFFD. Raises Refused.

    Numbers that no float or 64-bit integer holds are JSON too: they come back as msgspec.Raw, spelled as sent.
    """
    try:
        text.decode()
    except UnicodeDecodeError as problem:
        raise Refused(RejectionCode.NOT_JSON, f"{name} is not UTF-8 at byte {problem.start}: send UTF-8") from problem
    text, repaired = _repaired(text) if b"\\u" in text else (text, 0)
    try:
        content = parsed(text)
    except RecursionError as problem:
        raise _too_deep(limits) from problem
    except (msgspec.DecodeError, ValueError) as problem:
        raise Refused(RejectionCode.NOT_JSON, f"{name}: {problem}; send one JSON object") from problem
    if text.count(b"{") + text.count(b"[") > limits.depth or len(text) > limits.keys * KEY_BYTES_MIN:
        check_tree(content, limits)
    return content, repaired


def check_tree(root: Any, limits: Limits) -> None:
    """Refuse what is nested too deep or has too many keys. Iterative: the input chooses the depth."""
    keys = 0
    level: list[Any] = [root]
    for depth in range(1, limits.depth + 2):
        deeper: list[Any] = []
        for value in level:
            children = value
            if isinstance(value, dict):
                keys += len(value)
                children = value.values()
            elif not isinstance(value, list):
                continue
            if depth > limits.depth:
                raise _too_deep(limits)
            deeper += [child for child in children if isinstance(child, (dict, list))]
        if keys > limits.keys:
            raise Refused(
                RejectionCode.TOO_MANY_PROPERTIES,
                f"the event has more than {limits.keys} keys (limits.keys); send fewer properties",
            )
        level = deeper


def encoded(value: Any) -> bytes:
    """JSON text of what was parsed. Infinity and NaN, which only Avro can send, become null."""
    return msgspec.json.encode(value)


def _too_deep(limits: Limits) -> Refused:
    return Refused(
        RejectionCode.TOO_DEEP,
        f"the event is nested more than {limits.depth} levels deep (limits.depth); flatten its properties",
    )


def parsed(text: bytes) -> Any:
    """The JSON value of a text that has been checked. A number that nothing holds is a msgspec.Raw, spelled as sent."""
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:
        # A number out of range: nothing else can be wrong with a value of no particular type.
        return json.loads(text, parse_float=_float, parse_int=_integer, parse_constant=_no_constant)


def _float(text: str) -> float | msgspec.Raw:
    value = float(text)
    return value if math.isfinite(value) else msgspec.Raw(text.encode())


def _integer(text: str) -> int | msgspec.Raw:
    return int(text) if len(text) < _INTEGER_DIGITS else msgspec.Raw(text.encode())


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _repaired(text: bytes) -> tuple[bytes, int]:
    count = 0

    def mend(found: re.Match[bytes]) -> bytes:
        nonlocal count
        if len(found[0]) == 6:
            count += 1
            return b"\\ufffd"
        return found[0]

    return _LONE_SURROGATE.sub(mend, text), count
