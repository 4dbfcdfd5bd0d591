"""Values that people spell in many ways, addresses and numbers, put into the one spelling that can be compared."""

from collections.abc import Callable, Collection
from typing import Any, Literal

from schemas.event_parts import ValuePart, rewritten
from schemas.open_event import OpenEvent

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

    def change(content: dict[str, Any]) -> dict[str, Any] | None:
        changed: dict[str, Any] | None = None
        for name in names:
            value = content.get(name)
            if value is None or value == "":
                continue
            spelled = read(value)
            if spelled == value or (spelled is None and invalid == "keep"):
                continue
            if spelled is None and invalid == "reject":
                raise Misspelt(name)
            changed = dict(content) if changed is None else changed
            if spelled is None:
                del changed[name]
            else:
                changed[name] = spelled
        return changed

    return rewritten(event, _PARTS, change)
