"""Taking what an iterator gives, where it raises for some."""

from collections.abc import Iterator
from typing import TypeVar

__all__ = ["or_none"]

_Value = TypeVar("_Value")


def or_none(
    given: Iterator[_Value], count: int, odd: type[Exception] | tuple[type[Exception], ...]
) -> list[_Value | None]:
    """So many values; None where it raises one of these. It must go on then, as a `map` does. Written for speed."""
    found: list[_Value | None] = []
    while len(found) < count:
        try:
            found.extend(given)
        except odd:
            found.append(None)
    return found
