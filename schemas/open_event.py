"""An event as transformations and filters see it: immutable, and read only as far as somebody looks.

The text of the properties is decoded when it is first asked for, once, however many look at it, and no more of it than
is asked for where that is known beforehand; an event that nobody changed keeps the text that came. `replace` gives
another event and leaves this one as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any

import msgspec

from schemas.event import Event
from schemas.event_columns import EventRow
from schemas.json_text import encoded, parsed
from schemas.property_text import NOTHING_CHOSEN, Reading

__all__ = ["PLAIN", "OpenEvent"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NO_NAMES: frozenset[str] = frozenset()


class OpenEvent(msgspec.Struct, eq=False):
    """One event. Times are microseconds since 1970-01-01T00:00:00Z; values are what JSON has.

    A number that neither 64 bits nor a float hold is a `msgspec.Raw`, spelled as it was sent.
    """

    _of: Event | EventRow
    _reading: Reading = NOTHING_CHOSEN
    _known: frozenset[str] = _NO_NAMES
    """The names that have been read as long as the whole has not."""
    _sent: Mapping[str, Any] = _NOTHING
    """What stands in the text under these names."""
    _new: dict[str, Any] | None = None
    """What has come in its place since, or beside it."""
    _properties: dict[str, Any] | None = None
    """All of them, once somebody has asked for another name."""
    _set: dict[str, Any] | None = None
    _set_once: dict[str, Any] | None = None
    _changed: frozenset[str] = _NO_NAMES
    _nested: bool = False
    """Objects or lists were put in: how deep they are has to be looked at."""

    @classmethod
    def resumed(
        cls, of: Event | EventRow, reading: Reading, sent: Mapping[str, Any], new: dict[str, Any] | None
    ) -> "OpenEvent":
        """An event of which `sent` has been read first, and to which `new` has been added since."""
        return cls(of, reading, reading.first, sent, new, _changed=_PROPERTIES if new else _NO_NAMES)

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
        if self._properties is None and (name in self._known or self._knows(name)):
            new = self._new
            return new[name] if new is not None and name in new else self._sent.get(name, otherwise)
        return self._read().get(name, otherwise)

    def adding(self, properties: Mapping[str, Any]) -> "OpenEvent":
        """The event with these properties added; those of the same names are replaced."""
        if not properties:
            return self
        if self._properties is None and not self._covers(properties.keys()):
            self._read()
        return self._adding(dict(properties))

    def without(self, names: Iterable[str]) -> "OpenEvent":
        """The event without these properties; the same event where it has none of them."""
        names = frozenset(names)
        if self._chosen(names) == {}:
            return self
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
            if not isinstance(event, str):
                # Steps are told by it which of them apply: it has to be one before the next is asked.
                raise TypeError("an event's name is a text")
            plain["event"] = event
        if distinct_id is not None:
            plain["distinct_id"] = distinct_id
        if unset is not None:
            plain["unset"] = encoded(list(unset)) if unset else b""
        other: OpenEvent = self.__copy__()  # type: ignore[attr-defined]
        if plain:
            of = self._of if type(self._of) is Event else self._of.whole()  # type: ignore[union-attr]
            other._of = msgspec.structs.replace(of, **plain)
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
            found = parsed(self._of.properties)
            if self._new:
                found.update(self._new)
            self._properties = found
        return self._properties

    def _covers(self, names: AbstractSet[str]) -> bool:
        """Whether these are read in part."""
        return self._known >= names or all(map(self._knows, names))

    def _chosen(self, names: AbstractSet[str]) -> dict[str, Any] | None:
        """Those of these properties that there are; None where they cannot be told without reading all."""
        if self._properties is not None or not self._covers(names):
            return None
        new, sent = self._new or {}, self._sent
        return {name: new[name] if name in new else sent[name] for name in names if name in new or name in sent}

    def _knows(self, name: str) -> bool:
        """Read what may be read in part; whether this name is among it."""
        reading, text = self._reading, self._of.properties
        if name not in reading.names or self._properties is not None:
            return False
        try:
            if not self._known:
                self._sent, self._known = reading.read_first(text), reading.first
            if name not in self._known:
                self._sent, self._known = {**self._sent, **reading.read_rest(text)}, reading.names
        except msgspec.DecodeError:
            self._read()
            return False
        return True

    def _adding(self, new: dict[str, Any]) -> "OpenEvent":
        """The event with these added, every one of which has been asked for with `get`; takes over the dict."""
        other: OpenEvent = self.__copy__()  # type: ignore[attr-defined]
        if self._properties is not None:
            other._properties = {**self._properties, **new}
        else:
            other._new = new if self._new is None else {**self._new, **new}
        other._changed = self._changed | _PROPERTIES if self._changed else _PROPERTIES
        for value in new.values():
            if type(value) not in PLAIN:
                other._nested = True
        return other

    def _with_properties(self, properties: dict[str, Any]) -> "OpenEvent":
        other: OpenEvent = self.__copy__()  # type: ignore[attr-defined]
        other._properties = properties
        other._changed = self._changed | _PROPERTIES
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpenEvent) and _content(self) == _content(other)

    def __hash__(self) -> int:
        return hash(self._of.uuid)

    def __repr__(self) -> str:
        """Without the properties: they may hold what must not reach a log."""
        return f"OpenEvent({self.event!r}, changed={sorted(self._changed)})"


_PROPERTIES = frozenset({"properties"})
PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types of values without others inside."""


def _content(event: OpenEvent) -> tuple[Any, ...]:
    fields = ("uuid", "project", "event", "distinct_id", "timestamp", "received_at", "unset")
    return (*(getattr(event, name) for name in fields), event._read(), dict(event.set), dict(event.set_once))
