"""Values that people spell in many ways, addresses and numbers, put into the one spelling that can be compared."""

from collections.abc import Callable, Collection
from typing import Any, Literal

from schemas.event_parts import ValuePart, revalued
from schemas.open_event import OpenEvent
from schemas.property_paths import GONE

__all__ = ["Invalid", "Misspelt", "respelled"]

Invalid = Literal["keep", "remove", "reject"]
"""What becomes of a value that has no such spelling: it stays, it goes, or the event is rejected."""
_PARTS: tuple[ValuePart, ...] = ("properties", "$set", "$set_once")


class Misspelt(Exception):
    """The property of this name holds no such value, and the configuration says to reject such events."""


def respelled(
    event: OpenEvent, names: Collection[str], read: Callable[[Any], str | None], invalid: Invalid
) -> OpenEvent:
    """The event with the values of these names as `read` spells them, None for what is none; the same event where all
    are spelled so already. Null and empty texts say nothing and stay. Raises Misspelt where `invalid` is `reject`."""

    def spelled(name: str, value: Any) -> Any:
        if value is None or value == "":
            return value
        found = read(value)
        if found is not None:
            return value if found == value else found
        if invalid == "reject":
            raise Misspelt(name)
        return value if invalid == "keep" else GONE

    return revalued(event, _PARTS, names, spelled)
