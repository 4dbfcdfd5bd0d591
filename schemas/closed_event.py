"""An event after its transformations, as it goes on: checked like one that was sent, and written where it changed."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from schemas.event import Event, RejectionCode
from schemas.event_columns import EventRow
from schemas.json_text import check_tree
from schemas.limits import KEY_BYTES_MIN, Limits
from schemas.marks import CLAIM_EVENTS, CLAIMING, MARKING, marks_of
from schemas.open_event import OpenEvent
from schemas.property_text import Place, Reading, Texts, written_in_part
from schemas.refused import Refused

__all__ = ["Place", "additions_in_place", "changes", "closed"]

_PROPERTIES = frozenset({"properties"})
_MARKED = frozenset({"properties", "event"})
"""What an event's marks are read from."""
_MARKING = frozenset(MARKING)
_MARKED_BY = _MARKING.union(CLAIMING)
"""Where none of these has changed, the marks are what they were."""
_NAMES = frozenset({"event", "distinct_id", "unset"})
_APART = frozenset({"properties", "distinct_id", "set", "set_once"})
"""What may change without anything else in the text of the properties, or in what is read from it."""
_NESTED = frozenset({dict, list})
_NO_FIELDS: dict[str, Any] = {}
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
    of = of if type(of) is Event else of.whole()  # type: ignore[union-attr]
    text = _in_part(event, limits, seen if anew else ()) if anew or "properties" in changed else None
    if text is not None and changed <= _PROPERTIES and _is_ordinary(event):
        return msgspec.structs.replace(of, properties=text, applied=applied, failed=failed)
    fields = _fields(event, limits, anew, text)
    if applied or failed:
        fields |= {"applied": applied, "failed": failed}
    if not fields:
        return of
    _weigh(of, fields, limits)
    return msgspec.structs.replace(of, **fields)


def changes(
    event: OpenEvent, limits: Limits, texts: Texts, row: int, *, anew: bool, seen: Collection[str] | None
) -> tuple[list[Place] | None, dict[str, Any]]:
    """The same for one of many events in columns: what is to be put into its text among `texts`, and the fields that
    are others now. None for the places where the fields hold all of the text."""
    changed, of = event._changed, event._of
    places = None
    if (anew or "properties" in changed) and changed <= _APART:
        places = _places(event, limits, texts, row, seen if anew else ())
    if places is None:
        text = _in_part(event, limits, seen if anew else ()) if anew or "properties" in changed else None
        fields = _fields(event, limits, anew, text)
        _weigh(of, fields, limits)
        return None, fields
    if changed <= _PROPERTIES and not (anew and (of.set or of.set_once)):
        return places, _NO_FIELDS
    fields = _beside(event, limits, anew)
    _weigh(of, fields, limits, _growth(places))
    return places, fields


def additions_in_place(
    sent: Mapping[str, Any],
    new: Mapping[str, Any],
    reading: Reading,
    limits: Limits,
    texts: Texts,
    row: int,
    seen: Collection[str] | None,
) -> list[Place] | None:
    """What is to be put into one of the texts, in which `sent` was found, for what is `new`. None where more than the
    text may change, or all of it has to be written. Of events that have nothing besides their text."""
    if seen is None or not _MARKED_BY.isdisjoint(new):
        return None
    places = texts.places(row, sent, new, seen, reading.keys)
    if places:
        growth = _growth(places)
        if growth > 0 and _may_be_too_much(texts.size(row) + growth, 0, limits):
            return None
    return places


def _places(
    event: OpenEvent, limits: Limits, texts: Texts, row: int, seen: Collection[str] | None
) -> list[Place] | None:
    """None where more than the text may have changed, or all of it has to be written."""
    new = event._new or _NO_FIELDS
    if event._properties is not None or seen is None or not (event._known or (event._spans and not seen)):
        return None
    if not _MARKED_BY.isdisjoint(new):
        return None
    sent = event._sent
    edits = _with_seen(sent, new, seen) if seen else new
    places = texts.places(row, sent, edits, seen, event._reading.keys, event._spans)
    if places:
        of, growth = event._of, _growth(places)
        if event._nested and _may_be_deep(b"".join([written for _, _, written in places]), limits):
            check_tree(new, limits)
        beside = len(of.set) + len(of.set_once) + len(of.unset)
        if (growth > 0 or event._nested) and _may_be_too_much(len(of.properties) + growth, beside, limits):
            return None
    return places


def _with_seen(sent: Mapping[str, Any], new: Mapping[str, Any], seen: Collection[str]) -> Mapping[str, Any]:
    """The new values, and those objects and lists that were looked at: written anew, nothing stands in them twice."""
    for name, value in sent.items():
        if type(value) in _NESTED and name in seen and name not in new:
            new = {**new, name: value}
    return new


def _may_be_too_much(size: int, beside: int, limits: Limits) -> bool:
    """As in _in_part; and with all of it written, the whole may be light enough."""
    return size > limits.keys * KEY_BYTES_MIN or size + beside > limits.event_bytes


def _growth(places: list[Place]) -> int:
    growth = 0
    for start, end, written in places:
        growth += len(written) - end + start
    return growth


def _fields(event: OpenEvent, limits: Limits, anew: bool, text: bytes | None) -> dict[str, Any]:
    """What is another now; `text` is that of the properties where it could be written in part."""
    changed, of = event._changed, event._of
    fields = _beside(event, limits, anew)
    if anew or "properties" in changed:
        fields["properties"] = _text(event._read(), limits, event._nested) if text is None else text
    if anew or not _MARKED.isdisjoint(changed):
        fields["marks"] = _marks(event, fields.get("properties", of.properties))
    return fields


def _beside(event: OpenEvent, limits: Limits, anew: bool) -> dict[str, Any]:
    """All but the properties, and what is read from them."""
    changed, of = event._changed, event._of
    fields: dict[str, Any] = {}
    if "event" in changed:
        fields["event"] = of.event
    if "distinct_id" in changed:
        fields["distinct_id"] = event.distinct_id
    if "unset" in changed:
        fields["unset"] = of.unset
    if "set" in changed or (anew and of.set):
        fields["set"] = _text(event._set or event.set, limits, event._nested) if event.set else b""
    if "set_once" in changed or (anew and of.set_once):
        said = event._set_once or event.set_once
        fields["set_once"] = _text(said, limits, event._nested) if said else b""
    if changed and not _NAMES.isdisjoint(changed):
        _check(event, limits)
    return fields


def _is_ordinary(event: OpenEvent) -> bool:
    """It says nothing about its person nor its session, as most events: there is nothing to do but to write it."""
    of = event._of
    if of.set or of.set_once or of.unset or of.marks or of.event in CLAIM_EVENTS:
        return False
    return _MARKING.isdisjoint(event._new or ()) and _MARKING.isdisjoint(event._sent)


def _in_part(event: OpenEvent, limits: Limits, seen: Collection[str] | None) -> bytes | None:
    """The text that came with what is new in it; None where all of it has to be written."""
    if event._properties is not None or seen is None:
        return None
    text: bytes | None = event._of.properties
    if event._known or event._spans:
        sent, keys = event._sent, event._reading.keys
        new = _with_seen(sent, event._new or _NO_FIELDS, seen)
        text = written_in_part(event._of.properties, sent, new, seen, keys, event._spans)
    # A longer one may have to be looked at for its keys; and with all of it written it may be short enough.
    if text is None or len(text) > limits.event_bytes or len(text) > limits.keys * KEY_BYTES_MIN:
        return None
    if event._nested and _may_be_deep(text, limits):
        check_tree(event._new, limits)
    return text


def _weigh(of: Event | EventRow, fields: dict[str, Any], limits: Limits, growth: int = 0) -> None:
    of_person = len(fields.get("set", of.set)) + len(fields.get("set_once", of.set_once))
    parts = growth + len(fields.get("properties", of.properties)) + of_person + len(fields.get("unset", of.unset))
    if parts > limits.event_bytes:
        raise Refused(RejectionCode.TOO_LARGE, _TOO_LARGE.format(parts, limits.event_bytes))


def _marks(event: OpenEvent, properties: bytes) -> bytes:
    """Most events have none, which the names of their properties tell."""
    if event._of.event in CLAIM_EVENTS:
        return marks_of(event._of.event, properties)
    if event._properties is None and event._covers(_MARKING):
        marked = not (_MARKING.isdisjoint(event._sent) and _MARKING.isdisjoint(event._new or ()))
    else:
        marked = not _MARKING.isdisjoint(event._read())
    return marks_of(event._of.event, properties) if marked else b""


def _text(content: Any, limits: Limits, nested: bool) -> bytes:
    content = content if type(content) is dict else dict(content)
    text = _encode(content)
    if len(text) > limits.event_bytes:
        raise Refused(RejectionCode.TOO_LARGE, _TOO_LARGE.format(len(text), limits.event_bytes))
    if len(text) > limits.keys * KEY_BYTES_MIN or (nested and _may_be_deep(text, limits)):
        check_tree(content, limits)
    return text


def _may_be_deep(text: bytes, limits: Limits) -> bool:
    """Whether it has to be looked at how deep it is, as in `parse_json`; the brace around a part is not in its text."""
    return text.count(b"{") + text.count(b"[") >= limits.depth


def _check(event: OpenEvent, limits: Limits) -> None:
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
    names = event.unset
    if len(names) > limits.keys or not all(isinstance(name, str) for name in names):
        raise Refused(RejectionCode.WRONG_TYPE, f"a transformation made $unset no list of at most {limits.keys} names")
