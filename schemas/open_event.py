"""An event as transformations and filters see it: immutable, and read only as far as somebody looks.

The text of the properties is decoded when it is first asked for, once, however many look at it, and no more of it than
is asked for where that is known beforehand; an event that nobody changed keeps the text that came. `replace` gives
another event and leaves this one as it was.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from schemas.event import Event
from schemas.event_columns import EventRow
from schemas.json_text import encoded, parsed
from schemas.property_paths import GONE, updated
from schemas.property_text import NOTHING_CHOSEN, Reading, Span
from schemas.standing import Standing

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
    """What stands in the text under these names, and under those in `_spans`."""
    _spans: Mapping[str, Span] = _NOTHING
    """Where the values of other names stand, which were found by what they are."""
    _new: dict[str, Any] | None = None
    """What has come in its place since, or beside it; GONE under what stands in the text and was removed."""
    _properties: dict[str, Any] | None = None
    """All of them, once somebody has asked for another name."""
    _set: dict[str, Any] | None = None
    _set_once: dict[str, Any] | None = None
    _distinct_id: str | None = None
    """Another one that it has been given."""
    _changed: frozenset[str] = _NO_NAMES
    _nested: bool = False
    """Objects or lists were put in: how deep they are has to be looked at."""

    @classmethod
    def resumed(
        cls, of: Event | EventRow, reading: Reading, sent: Mapping[str, Any], new: dict[str, Any] | None
    ) -> "OpenEvent":
        """An event of which `sent` has been read first, and to which `new` has been added since."""
        return cls(of, reading, reading.first, sent, _new=new, _changed=_PROPERTIES if new else _NO_NAMES)

    @property
    def event(self) -> str:
        """The event's name."""
        return self._of.event

    @property
    def distinct_id(self) -> str:
        """How the sender names the actor."""
        return self._of.distinct_id if self._distinct_id is None else self._distinct_id

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
        if self._properties is None and (name in self._known or self._covers((name,))):
            new = self._new
            if new is None or name not in new:
                return self._sent.get(name, otherwise)
            return otherwise if new[name] is GONE else new[name]
        return self._read().get(name, otherwise)

    def adding(self, properties: Mapping[str, Any]) -> "OpenEvent":
        """The event with these properties added; those of the same names are replaced."""
        if not properties:
            return self
        if self._properties is None and not self._covers(properties.keys()):
            self._read()
        return self._edited({**properties})

    def without(self, names: Iterable[str]) -> "OpenEvent":
        """The event without these properties; the same event where it has none of them."""
        names = frozenset(names)
        found = self._some(names)
        gone = {name: GONE for name in names if name in found}
        return self._edited(gone) if gone else self

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
        other: OpenEvent = self.__copy__()  # type: ignore[attr-defined]
        changed = []
        if event is not None or unset is not None:
            changed = other._rename(event, unset)
        if distinct_id is not None:
            other._distinct_id = distinct_id
            changed.append("distinct_id")
        if properties is not None:
            other._properties = dict(properties)
            changed.append("properties")
        if set is not None:
            other._set = dict(set)
            changed.append("set")
        if set_once is not None:
            other._set_once = dict(set_once)
            changed.append("set_once")
        other._nested = self._nested or not (properties is set is set_once is None)
        other._changed = self._changed.union(changed)
        return other

    def _rename(self, event: str | None, unset: Sequence[str] | None) -> list[str]:
        """Put others in place of what the event itself keeps; their names."""
        plain: dict[str, Any] = {}
        if event is not None:
            if not isinstance(event, str):
                # Steps are told by it which of them apply: it has to be one before the next is asked.
                raise TypeError("an event's name is a text")
            plain["event"] = event
        if unset is not None:
            plain["unset"] = encoded(list(unset)) if unset else b""
        of = self._of if type(self._of) is Event else self._of.whole()  # type: ignore[union-attr]
        self._of = msgspec.structs.replace(of, **plain)
        return [*plain]

    def _read(self) -> dict[str, Any]:
        if self._properties is None:
            found = parsed(self._of.properties)
            self._properties = updated(found, self._new) if self._new else found
        return self._properties

    def _covers(self, names: Collection[str]) -> bool:
        """Read what may be read in part; whether these names are all among it."""
        known, reading = self._known, self._reading
        if known.issuperset(names):
            return True
        if self._properties is not None or not reading.names.issuperset(names):
            return False
        try:
            if not known:
                found = reading.read_first(self._of.properties)
                self._sent = {**found, **self._sent} if self._sent else found
                known = self._known = reading.first
            if not known.issuperset(names):
                self._sent, self._known = {**self._sent, **reading.read_rest(self._of.properties)}, reading.names
        except msgspec.DecodeError:
            self._read()
            return False
        return True

    def _some(self, names: Collection[str]) -> Mapping[str, Any]:
        """Those of these properties that there are, and maybe others: to read, and never to change."""
        if self._properties is not None or not self._covers(names):
            return self._read()
        return self._sent if self._new is None else updated({**self._sent}, self._new)

    def _edited(self, found: dict[str, Any]) -> "OpenEvent":
        """The event with these values, each in the place of its name or at the end, GONE to remove what it has. It has
        been asked for every name, or is known not to have it; takes over the dict."""
        other: OpenEvent = self.__copy__()  # type: ignore[attr-defined]
        if self._properties is not None:
            other._properties = updated({**self._properties}, found)
        elif self._new is None:
            other._new = found
        else:
            other._update(self._new, found)
        other._changed = self._changed | _PROPERTIES if self._changed else _PROPERTIES
        for value in found.values():
            if type(value) not in _NOT_NESTED:
                other._nested = True
        return other

    def _edited_at(self, found: dict[str, Any], standing: Mapping[str, Standing]) -> "OpenEvent":
        """The same where not every name has been asked for: those that stand in the text do so where it is said, and
        nowhere else in it."""
        sent, spans = {**self._sent}, {**self._spans}
        for name in found:
            if name in standing:
                sent[name], start, end = standing[name]
                spans[name] = start, end
        self._sent, self._spans = sent, spans
        return self._edited(found)

    def _update(self, before: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        new = {**before}
        for name, value in found.items():
            if value is GONE and name not in self._sent:
                del new[name]
            elif value is not GONE and new.get(name) is GONE:
                # What comes back stands at the end, and not in the place that it had.
                self._properties = updated({**self._read()}, found)
                return
            else:
                new[name] = value
        self._new = new

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
_NOT_NESTED = PLAIN | {type(GONE)}


def _content(event: OpenEvent) -> tuple[Any, ...]:
    fields = ("uuid", "project", "event", "distinct_id", "timestamp", "received_at", "unset")
    return (*(getattr(event, name) for name in fields), event._read(), dict(event.set), dict(event.set_once))
