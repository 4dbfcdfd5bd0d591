"""An event after its transformations, as it goes on: checked like one that was sent, and written where it changed."""

from collections.abc import Collection
from typing import Any

import msgspec

from schemas.event import Event, RejectionCode
from schemas.json_text import check_tree
from schemas.limits import KEY_BYTES_MIN, Limits
from schemas.marks import CLAIM_EVENTS, MARKING, marks_of
from schemas.open_event import OpenEvent
from schemas.property_text import written_in_part
from schemas.refused import Refused

__all__ = ["closed"]

_PROPERTIES = frozenset({"properties"})
_MARKED = frozenset({"properties", "event"})
"""What an event's marks are read from."""
_MARKING = frozenset(MARKING)
_NAMES = frozenset({"event", "distinct_id", "unset"})
_TOO_LARGE = "the event has {} bytes after its transformations, the limit is {} (limits.event_bytes)"
_encode = msgspec.json.Encoder().encode


def closed(
    event: OpenEvent,
    limits: Limits,
    applied: str = "",
    failed: str = "",
    *,
    anew: bool = False,
    seen: Collection[str] | None = None,
) -> Event:
    """The event as it goes on: what was changed is written, checked against the limits and marked anew.

    `applied` and `failed` are what it has met, as Event keeps them. With `anew` everything is written, so that of
    several properties of one name none is left but the one that was looked at; if `seen` names the properties that
    were looked at, the text stays where each of them stands once.

    Raises Refused where it breaks a limit, and TypeError, ValueError or RecursionError for what JSON does not have.
    """
    changed, of = event._changed, event._of
    text = _in_part(event, limits, seen if anew else ()) if anew or "properties" in changed else None
    if text is not None and changed <= _PROPERTIES and _is_ordinary(event):
        return msgspec.structs.replace(of, properties=text, applied=applied, failed=failed)
    fields: dict[str, Any] = {}
    if applied or failed:
        fields = {"applied": applied, "failed": failed}
    if anew or "properties" in changed:
        fields["properties"] = _text(event._read(), limits, event._nested) if text is None else text
    if "set" in changed or (anew and of.set):
        fields["set"] = _text(event.set, limits, event._nested) if event.set else b""
    if "set_once" in changed or (anew and of.set_once):
        fields["set_once"] = _text(event.set_once, limits, event._nested) if event.set_once else b""
    if changed and not _NAMES.isdisjoint(changed):
        _check(of, limits)
    if anew or not _MARKED.isdisjoint(changed):
        fields["marks"] = _marks(event, fields.get("properties", of.properties))
    if not fields:
        return of
    result = msgspec.structs.replace(of, **fields)
    _weigh(result, limits)
    return result


def _is_ordinary(event: OpenEvent) -> bool:
    """It says nothing about its person nor its session, as most events: there is nothing to do but to write it."""
    of = event._of
    if of.set or of.set_once or of.unset or of.marks or of.event in CLAIM_EVENTS:
        return False
    return _MARKING.isdisjoint(event._new) and _MARKING.isdisjoint(event._sent)


def _in_part(event: OpenEvent, limits: Limits, seen: Collection[str] | None) -> bytes | None:
    """The text that came with what is new in it; None where all of it has to be written."""
    if event._properties is not None or event._nested or seen is None:
        return None
    text: bytes | None = event._of.properties
    if event._known:
        text = written_in_part(event._of.properties, event._sent, event._new, seen, event._reading.keys)
    # A longer one may have to be looked at for its keys; and with all of it written it may be short enough.
    if text is None or len(text) > limits.event_bytes or len(text) > limits.keys * KEY_BYTES_MIN:
        return None
    return text


def _weigh(event: Event, limits: Limits) -> None:
    parts = len(event.properties) + len(event.set) + len(event.set_once) + len(event.unset)
    if parts > limits.event_bytes:
        raise Refused(RejectionCode.TOO_LARGE, _TOO_LARGE.format(parts, limits.event_bytes))


def _marks(event: OpenEvent, properties: bytes) -> bytes:
    """Most events have none, which the names of their properties tell."""
    if event._of.event in CLAIM_EVENTS:
        return marks_of(event._of.event, properties)
    if event._properties is None and event._covers(_MARKING):
        marked = not (_MARKING.isdisjoint(event._sent) and _MARKING.isdisjoint(event._new))
    else:
        marked = not _MARKING.isdisjoint(event._read())
    return marks_of(event._of.event, properties) if marked else b""


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
