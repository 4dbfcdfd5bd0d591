"""The places in an event where named values stand, and ways to change them that read no more than they have to."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from schemas.open_event import OpenEvent
from schemas.property_paths import GONE, Paths, changed, new_values, replaced
from schemas.standing import Standing

__all__ = [
    "Part",
    "ValuePart",
    "completed",
    "edited_where_they_stand",
    "missing",
    "others",
    "properties_of",
    "revalued",
    "revalued_at",
    "rewritten",
]

ValuePart = Literal["properties", "$set", "$set_once"]
"""Those that have values."""
Part = Literal["properties", "$set", "$set_once", "$unset"]
"""The event's properties, and what it does to the person's."""


def completed(event: OpenEvent, found: Mapping[str, Any], overwrite: bool = False) -> OpenEvent:
    """The event with what was found among its properties; the same event where nothing is new.

    What the sender gave stays, and null is nothing given; with `overwrite` it is replaced.
    """
    new = missing(event._some(found), found, overwrite) if found else {}
    return event._edited(new) if new else event


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
    if "properties" in parts and (found := _revalued(event._some(names), names, change)):
        result = event._edited(found)
    of = event._of
    if not (of.set or of.set_once or event._set or event._set_once):
        return result
    return rewritten(result, others(parts), lambda content: replaced(content, _revalued(content, names, change)))


def revalued_at(
    event: OpenEvent,
    parts: Collection[Part] | Collection[ValuePart],
    paths: Paths,
    change: Callable[[Any], Any],
    renamed: Callable[[str], str | None] | None = None,
) -> OpenEvent:
    """The same for whatever stands at these paths; `renamed` as in `rewritten`."""
    result = event
    if "properties" in parts:
        content = event._read() if paths.tops is None else event._some(paths.tops)
        if paths.names is None:
            found = new_values(content, paths, change)
        else:
            found = {}
            for name in paths.names:
                if name in content and (new := change(content[name])) is not content[name]:
                    found[name] = new
        if found:
            result = event._edited(found)
    of = event._of
    if not (of.set or of.set_once or event._set or event._set_once or renamed is not None):
        return result
    return rewritten(result, others(parts), lambda content: changed(content, paths, change), renamed)


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


def edited_where_they_stand(
    event: OpenEvent,
    find: Callable[[bytes], dict[str, Standing] | None],
    change: Callable[[dict[str, Any]], dict[str, Any] | None],
    certain: Callable[[bytes, str], bool],
) -> OpenEvent | None:
    """The event with what `change` makes of the properties that `find` tells from their text: new values by names, GONE
    to remove one. The same event where there are none. None where all properties have to be looked at for that: if they
    cannot be told, `change` says so, or it is not `certain` of one that it stands there alone."""
    text, new = event._of.properties, event._new
    standing = find(text) if event._properties is None else None
    if standing is None:
        return None
    if not standing and new is None:
        return event
    content = {name: one[0] for name, one in standing.items()}
    if new is not None:
        if any(isinstance(value, dict | list) for value in new.values()):
            return None
        content = {name: value for name, value in (content | new).items() if value is not GONE}
    found = change(content)
    if not found:
        return event if found is not None else None
    for name in found:
        if name in standing and not certain(text, name):
            return None
    return event._edited_at(found, standing)


def others(parts: Collection[Part] | Collection[ValuePart]) -> list[Part]:
    """All of these parts but the properties."""
    return [part for part in parts if part != "properties"]


def _revalued(content: Mapping[str, Any], names: Collection[str], change: Callable[[str, Any], Any]) -> dict[str, Any]:
    return {
        name: new for name in names if name in content and (new := change(name, content[name])) is not content[name]
    }


def properties_of(event: OpenEvent) -> dict[str, Any]:
    """The properties themselves, to read and never to change: a copy of the view takes seven times a copy of these."""
    return event._read()
