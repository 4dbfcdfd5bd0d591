"""For tests of transformations: events in a line, one event through one transformation, and any JSON whatever.

from transforms.testing import run

def test_an_address_loses_its_last_byte():
    after = run("anonymize_ip", {"properties": {"$ip": "93.184.216.34"}})

    assert after.properties["$ip"] == "93.184.216.0"
"""

import runpy
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.event import Event
from schemas.open_event import OpenEvent
from schemas.timestamps import micros
from transforms.interface import Example, Lookup, Result, Transform
from transforms.registry import BUILT_IN

__all__ = ["Fixed", "example_fails", "load", "made", "opened", "run"]

NOON = datetime(2026, 9, 21, 12, 0, tzinfo=UTC)
_TIMES = ("timestamp", "received_at")


class Fixed(msgspec.Struct):
    """A lookup whose content is given."""

    value: Any


def opened(said: Mapping[str, Any] | None = None) -> OpenEvent:
    """An event as a sender says it: `event`, `distinct_id`, `properties`, `$set`, `$set_once`, `$unset`, `timestamp`
    (ISO 8601), `uuid`, `project`. What is left out is ordinary."""
    found = dict(said or {})
    texts = {name: found.pop(f"${name}", None) for name in ("set", "set_once", "unset")}
    times = {name: datetime.fromisoformat(found.pop(name)) if name in found else NOON for name in _TIMES}
    number = uuid.UUID(found.pop("uuid", "0199b2f0-0000-7000-8000-000000000001"))
    event = Event(
        set=_text(texts["set"]),
        set_once=_text(texts["set_once"]),
        unset=_text(texts["unset"]),
        uuid=number.bytes,
        project=found.pop("project", 1),
        event=found.pop("event", "page viewed"),
        distinct_id=found.pop("distinct_id", "ada"),
        timestamp=micros(times["timestamp"]),
        received_at=micros(times["received_at"]),
        properties=msgspec.json.encode(found.pop("properties", {})),
    )
    assert not found, f"an event has no {', '.join(found)}"
    return OpenEvent(event)


def load(path: object) -> dict[str, type[Transform[Any]]]:
    """The transformations that a file defines, by their names."""
    found = runpy.run_path(str(path), run_name="plugin")
    kinds = [value for value in found.values() if isinstance(value, type) and issubclass(value, Transform)]
    return {kind.name: kind for kind in kinds if kind is not Transform}


def made(
    kind: str | type[Transform[Any]],
    config: Mapping[str, Any] | None = None,
    lookups: Mapping[str, Lookup] | None = None,
) -> Transform[Any]:
    """A transformation, configured as the configuration would. Raises msgspec.ValidationError or ValueError."""
    found = BUILT_IN[kind] if isinstance(kind, str) else kind
    return found(msgspec.convert(dict(config or {}), found.Config), dict(lookups or {}))


def run(
    kind: str | type[Transform[Any]],
    event: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    lookups: Mapping[str, Lookup] | None = None,
) -> Any:
    """What becomes of one event: an OpenEvent, Rejected or Dropped."""
    step, before = made(kind, config, lookups), opened(event)
    result: Result = step(before)
    assert _adds_the_same(step, before, result), (
        "`additions` and `__call__` differ, or it asks for more than `reads` names"
    )
    return result


def example_fails(kind: type[Transform[Any]], example: Example, lookups: Mapping[str, Lookup] | None = None) -> str:
    """What is wrong with an example; nothing where it shows what happens."""
    after = run(kind, example.before, example.config, lookups)
    if example.after is None:
        outcome = type(after).__name__.lower()
        return "" if outcome == example.outcome else f"it is {outcome}, not {example.outcome}"
    if not isinstance(after, OpenEvent):
        return f"it ends as {after}"
    expected = opened({**example.before, **example.after})
    shown = {name: _shown(after, name) for name in _SHOWN}
    wanted = {name: _shown(expected, name) for name in _SHOWN}
    return "" if shown == wanted else f"{shown} is not {wanted}"


def _adds_the_same(step: Transform[Any], event: OpenEvent, result: Result) -> bool:
    """Whether it is enough for `additions`, where it has been written, to be handed what `reads` names."""
    names = step.reads()
    if names is None or type(step).additions is Transform.additions:
        return True
    if not step.persons and (event.set or event.set_once or event.unset):
        return True
    expected = {}
    for part in ("properties", "set", "set_once"):
        content = getattr(event, part)
        found = step.additions({name: content[name] for name in names if name in content})
        if found is None or not found.keys() <= set(names):
            return True  # then `__call__` is asked
        expected[part] = {**content, **found}
    return isinstance(result, OpenEvent) and expected == {part: dict(getattr(result, part)) for part in expected}


_SHOWN = ("event", "distinct_id", "properties", "set", "set_once", "unset")


def _shown(event: OpenEvent, name: str) -> Any:
    value = getattr(event, name)
    return dict(value) if isinstance(value, Mapping) else value


def _text(value: Any) -> bytes:
    return msgspec.json.encode(value) if value else b""
