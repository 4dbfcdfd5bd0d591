"""The places in an event where named values stand, and ways to change them that read no more than they have to."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from schemas.open_event import OpenEvent
from schemas.property_paths import GONE, Paths, changed, replaced

__all__ = ["Part", "ValuePart", "completed", "missing", "properties_of", "revalued", "revalued_at", "rewritten"]

ValuePart = Literal["properties", "$set", "$set_once"]
"""Those that have values."""
Part = Literal["properties", "$set", "$set_once", "$unset"]
"""The event's properties, and what it does to the person's."""


def completed(event: OpenEvent, found: Mapping[str, Any], overwrite: bool = False) -> OpenEvent:
    """The event with what was found among its properties; the same event where nothing is new.

    What the sender gave stays, and null is nothing given; with `overwrite` it is replaced.
    """
    new = missing(event, found, overwrite)
    return event._adding(new) if new else event


def missing(given: Any, found: Mapping[str, Any], overwrite: bool = False) -> dict[str, Any]:
    """What of it `completed` would add to an event, or to as much of it as is `given`."""
    new: dict[str, Any] = {}
    for name in found:
        before = given.get(name)
        if before is None or (overwrite and before != found[name]):
            new[name] = found[name]
    return new


def revalued(
    event: OpenEvent,
    parts: Collection[Part] | Collection[ValuePart],
    names: Collection[str],
    change: Callable[[str, Any], Any],
) -> OpenEvent:
    """The event with what `change` makes of each of these names and its value, GONE to remove it; the same event where
    it answers the values it got."""
    result = event
    if "properties" in parts:
        new: dict[str, Any] = {}
        gone = []
        for name in names:
            value = event.get(name, GONE)
            if value is not GONE and (found := change(name, value)) is not value:
                if found is GONE:
                    gone.append(name)
                else:
                    new[name] = found
        if new:
            result = event._adding(new)
        if gone:
            result = result.without(gone)
    of = event._of
    if not (of.set or of.set_once or event._set or event._set_once):
        return result
    others = [part for part in parts if part != "properties"]
    return rewritten(result, others, lambda content: _revalued(content, names, change))


def revalued_at(
    event: OpenEvent,
    parts: Collection[Part] | Collection[ValuePart],
    paths: Paths,
    change: Callable[[Any], Any],
) -> OpenEvent:
    """The same for whatever stands at these paths."""
    if paths.names is None:
        return rewritten(event, parts, lambda content: changed(content, paths, change))
    return revalued(event, parts, paths.names, lambda _, value: change(value))


def rewritten(
    event: OpenEvent,
    parts: Collection[Part] | Collection[ValuePart],
    change: Callable[[dict[str, Any]], dict[str, Any] | None],
    renamed: Callable[[str], str | None] | None = None,
    needed: frozenset[str] | None = None,
) -> OpenEvent:
    """The event with these parts changed; the same event where `change` answers None for all of them.

    `change` answers another dict and leaves the one it got as it is. `renamed` says of a name in `$unset` what it is
    called now, None if it has to go. Of properties without any of the `needed`, `change` is not asked.
    """
    result = event
    concerned = "properties" in parts and (needed is None or event._chosen(needed) != {})
    if concerned and (found := change(properties_of(event))) is not None:
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


def _revalued(
    content: dict[str, Any], names: Collection[str], change: Callable[[str, Any], Any]
) -> dict[str, Any] | None:
    found = {
        name: new for name in names if name in content and (new := change(name, content[name])) is not content[name]
    }
    return replaced(content, found)


def properties_of(event: OpenEvent) -> dict[str, Any]:
    """The properties themselves, to read and never to change: a copy of the view takes seven times a copy of these."""
    return event._read()
