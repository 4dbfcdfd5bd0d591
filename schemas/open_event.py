"""An event as transformations and filters see it: immutable, and read only as far as somebody looks.

The text of the properties is decoded when it is first asked for, once, however many look at it; an event that nobody
changed keeps the text that came. `replace` gives another event and leaves this one as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from schemas.event import Event, RejectionCode
from schemas.json_text import check_tree, encoded, parsed
from schemas.limits import KEY_BYTES_MIN, Limits
from schemas.marks import CLAIM_EVENTS, MARKING, marks_of
from schemas.refused import Refused

__all__ = ["OpenEvent", "closed"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class OpenEvent:
    """One event. Times are microseconds since 1970-01-01T00:00:00Z; values are what JSON has.

    A number that neither 64 bits nor a float hold is a `msgspec.Raw`, spelled as it was sent.
    """

    __slots__ = ("_changed", "_nested", "_of", "_properties", "_set", "_set_once")

    def __init__(self, of: Event) -> None:
        self._of = of
        self._properties: dict[str, Any] | None = None
        self._set: dict[str, Any] | None = None
        self._set_once: dict[str, Any] | None = None
        self._changed: frozenset[str] = frozenset()
        self._nested = False
        """Objects or lists were put in: how deep they are has to be looked at."""

    @property
    def event(self) -> str:
        """The event's name."""
        return self._of.event

    @property
    def distinct_id(self) -> str:
        """How the sender names the actor."""
        return self._of.distinct_id

    @property
    def project(self) -> int:
        """The tenant, by its id in the configuration."""
        return self._of.project

    @property
    def uuid(self) -> bytes:
        """The event's identity, 16 bytes."""
        return self._of.uuid

    @property
    def timestamp(self) -> int:
        """When it happened, in microseconds."""
        return self._of.timestamp

    @property
    def received_at(self) -> int:
        """When the edge got it, in microseconds."""
        return self._of.received_at

    @property
    def properties(self) -> Mapping[str, Any]:
        """What the sender says about the event."""
        return MappingProxyType(self._read())

    @property
    def set(self) -> Mapping[str, Any]:
        """`$set`: person properties to set."""
        if self._set is None:
            if not self._of.set:
                return _NOTHING
            self._set = parsed(self._of.set)
        return MappingProxyType(self._set)

    @property
    def set_once(self) -> Mapping[str, Any]:
        """`$set_once`: person properties to set if they are not set yet."""
        if self._set_once is None:
            if not self._of.set_once:
                return _NOTHING
            self._set_once = parsed(self._of.set_once)
        return MappingProxyType(self._set_once)

    @property
    def unset(self) -> Sequence[str]:
        """`$unset`: names of person properties to remove."""
        return tuple(msgspec.json.decode(self._of.unset)) if self._of.unset else ()

    def get(self, name: str, otherwise: Any = None) -> Any:
        """A property's value."""
        return self._read().get(name, otherwise)

    def adding(self, properties: Mapping[str, Any]) -> "OpenEvent":
        """The event with these properties added; those of the same names are replaced."""
        if not properties:
            return self
        other = self._with_properties({**self._read(), **properties})
        for value in properties.values():
            if type(value) not in _PLAIN:
                other._nested = True
        return other

    def without(self, names: Iterable[str]) -> "OpenEvent":
        """The event without these properties; the same event where it has none of them."""
        found = self._read()
        gone = [name for name in names if name in found]
        if not gone:
            return self
        left = dict(found)
        for name in gone:
            del left[name]
        return self._with_properties(left)

    def replace(
        self,
        *,
        event: str | None = None,
        distinct_id: str | None = None,
        properties: Mapping[str, Any] | None = None,
        set: Mapping[str, Any] | None = None,
        set_once: Mapping[str, Any] | None = None,
        unset: Sequence[str] | None = None,
    ) -> "OpenEvent":
        """The event with what is given in place of what it had."""
        plain: dict[str, Any] = {}
        if event is not None:
            plain["event"] = event
        if distinct_id is not None:
            plain["distinct_id"] = distinct_id
        if unset is not None:
            plain["unset"] = encoded(list(unset)) if unset else b""
        other = self._copy()
        if plain:
            other._of = msgspec.structs.replace(self._of, **plain)
        changed = {*plain}
        for name, given in (("properties", properties), ("set", set), ("set_once", set_once)):
            if given is not None:
                setattr(other, f"_{name}", dict(given))
                changed.add(name)
                other._nested = True
        other._changed = self._changed | changed
        return other

    def _read(self) -> dict[str, Any]:
        if self._properties is None:
            self._properties = parsed(self._of.properties)
        return self._properties

    def _with_properties(self, properties: dict[str, Any]) -> "OpenEvent":
        other = self._copy()
        other._properties = properties
        other._changed = self._changed | _PROPERTIES
        return other

    def _copy(self) -> "OpenEvent":
        other = OpenEvent.__new__(OpenEvent)
        other._of, other._changed, other._nested = self._of, self._changed, self._nested
        other._properties, other._set, other._set_once = self._properties, self._set, self._set_once
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpenEvent) and _content(self) == _content(other)

    def __hash__(self) -> int:
        return hash(self._of.uuid)

    def __repr__(self) -> str:
        """Without the properties: they may hold what must not reach a log."""
        return f"OpenEvent({self.event!r}, changed={sorted(self._changed)})"


_PROPERTIES = frozenset({"properties"})
_MARKED = frozenset({"properties", "event"})
"""What an event's marks are read from."""
_NAMES = frozenset({"event", "distinct_id", "unset"})
_TOO_LARGE = "the event has {} bytes after its transformations, the limit is {} (limits.event_bytes)"
_PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types of values without others inside."""
_encode = msgspec.json.Encoder().encode


def closed(event: OpenEvent, limits: Limits, applied: str = "", failed: str = "", *, anew: bool = False) -> Event:
    """The event as it goes on: what was changed is written, checked against the limits and marked anew.

    `applied` and `failed` are what it has met, as Event keeps them. With `anew` everything is written, so that of
    several properties of one name none is left but the one that was looked at.

    Raises Refused where it breaks a limit, and TypeError, ValueError or RecursionError for what JSON does not have.
    """
    changed, of = event._changed, event._of
    fields: dict[str, Any] = {}
    if applied or failed:
        fields = {"applied": applied, "failed": failed}
    if anew or "properties" in changed:
        fields["properties"] = _text(event._read(), limits, event._nested)
    if "set" in changed or (anew and of.set):
        fields["set"] = _text(event.set, limits, event._nested) if event.set else b""
    if "set_once" in changed or (anew and of.set_once):
        fields["set_once"] = _text(event.set_once, limits, event._nested) if event.set_once else b""
    if changed & _NAMES:
        _check(of, limits)
    if anew or changed & _MARKED:
        fields["marks"] = _marks(event, fields.get("properties", of.properties))
    if not fields:
        return of
    result = msgspec.structs.replace(of, **fields)
    _weigh(result, limits)
    return result


def _weigh(event: Event, limits: Limits) -> None:
    parts = len(event.properties) + len(event.set) + len(event.set_once) + len(event.unset)
    if parts > limits.event_bytes:
        raise Refused(RejectionCode.TOO_LARGE, _TOO_LARGE.format(parts, limits.event_bytes))


def _marks(event: OpenEvent, properties: bytes) -> bytes:
    """Most events have none, which the names of their properties tell."""
    found = event._read()
    if event._of.event in CLAIM_EVENTS or any(name in found for name in MARKING):
        return marks_of(event._of.event, properties)
    return b""


def _text(content: Any, limits: Limits, nested: bool) -> bytes:
    content = content if type(content) is dict else dict(content)
    text = _encode(content)
    if len(text) > limits.event_bytes:
        raise Refused(RejectionCode.TOO_LARGE, _TOO_LARGE.format(len(text), limits.event_bytes))
    if nested or len(text) > limits.keys * KEY_BYTES_MIN:
        check_tree(content, limits)
    return text


def _check(event: Event, limits: Limits) -> None:
    """What was put in place of names. Raises UnicodeEncodeError for half of a surrogate pair."""
    for name, value, most in (
        ("event", event.event, limits.event_name_chars),
        ("distinct_id", event.distinct_id, limits.distinct_id_chars),
    ):
        if not isinstance(value, str) or not 0 < len(value) <= most or "\x00" in value:
            raise Refused(
                RejectionCode.WRONG_TYPE, f"a transformation made {name} something else than 1 to {most} characters"
            )
        value.encode()
    names = msgspec.json.decode(event.unset) if event.unset else []
    if len(names) > limits.keys or not all(isinstance(name, str) for name in names):
        raise Refused(RejectionCode.WRONG_TYPE, f"a transformation made $unset no list of at most {limits.keys} names")


def _content(event: OpenEvent) -> tuple[Any, ...]:
    fields = ("uuid", "project", "event", "distinct_id", "timestamp", "received_at", "unset")
    return (*(getattr(event, name) for name in fields), event._read(), dict(event.set), dict(event.set_once))
