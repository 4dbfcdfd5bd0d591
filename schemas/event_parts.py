"""The places in an event where named values stand: one way to add what is missing, and one to rewrite them all."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from schemas.open_event import OpenEvent

__all__ = ["Part", "ValuePart", "completed", "properties_of", "rewritten"]

ValuePart = Literal["properties", "$set", "$set_once"]
"""Those that have values."""
Part = Literal["properties", "$set", "$set_once", "$unset"]
"""The event's properties, and what it does to the person's."""


def completed(event: OpenEvent, found: Mapping[str, Any], overwrite: bool = False) -> OpenEvent:
    """The event with what was found among its properties; the same event where nothing is new.

    What the sender gave stays, and null is nothing given; with `overwrite` it is replaced.
    """
    if not found:
        return event
    given = properties_of(event)
    if overwrite:
        return event.adding({name: value for name, value in found.items() if given.get(name) != value})
    return event.adding({name: value for name, value in found.items() if given.get(name) is None})


def rewritten(
    event: OpenEvent,
    parts: Collection[Part] | Collection[ValuePart],
    change: Callable[[dict[str, Any]], dict[str, Any] | None],
    renamed: Callable[[str], str | None] | None = None,
) -> OpenEvent:
    """The event with these parts changed; the same event where `change` answers None for all of them.

    `change` answers another dict and leaves the one it got as it is. `renamed` says of a name in `$unset` what it is
    called now, None if it has to go.
    """
    result = event
    if "properties" in parts and (found := change(properties_of(event))) is not None:
        result = event._with_properties(found)
    given: dict[str, Any] = {}
    if "$set" in parts and (before := event.set) and (found := change(dict(before))) is not None:
        given["set"] = found
    if "$set_once" in parts and (before := event.set_once) and (found := change(dict(before))) is not None:
        given["set_once"] = found
    if "$unset" in parts and renamed is not None and (names := event.unset):
        left = tuple(dict.fromkeys(new for name in names if (new := renamed(name)) is not None))
        if left != names:
            given["unset"] = left
    return result.replace(**given) if given else result


def properties_of(event: OpenEvent) -> dict[str, Any]:
    """The properties themselves, to read and never to change: a copy of the view takes seven times a copy of these."""
    return event._read()
