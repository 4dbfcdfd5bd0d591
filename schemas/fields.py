"""What every input form is read into, and the rules that turn it into an event or a rejection.

This is the careful way; the common case takes a shorter one (schemas/plain.py) with the same result.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.event import Event, Rejected, RejectionCode
from schemas.identifiers import TEXTS, record_uuid, uuid5
from schemas.json_text import encoded
from schemas.limits import EVENT_BYTES_MAX, Limits
from schemas.marks import marks_of
from schemas.refused import Refused
from schemas.timestamps import OutOfRange, event_time

__all__ = ["finished", "Fields", "Place", "has_value", "uuid_of_text"]


class Fields(msgspec.Struct, kw_only=True):
    """An event as sent, before any rule: values of any type."""

    token: Any = None
    uuid: Any = None
    event: Any = None
    distinct_id: Any = None
    timestamp: Any = None
    sent_at: Any = None
    offset: Any = None
    received_us: int
    properties: Any = None
    set: Any = None
    set_once: Any = None
    unset: Any = None
    ip: Any = None
    historical: Any = None


class Place(msgspec.Struct, frozen=True):
    """Where the record stands: what the uuid of an event without one is made of."""

    log: bytes
    partition: int
    offset: int


def finished(
    fields: Fields, projects: Mapping[str, int], limits: Limits, place: Place, repaired: int
) -> Event | Rejected:
    """Apply every rule, in the order of docs/events.md: the first that fails names the rejection."""
    project = 0
    try:
        project = _project(fields, projects, limits)
        properties = _object_or_empty(fields.properties, "properties")
        event = _event_name(fields.event, limits)
        distinct_id = _distinct_id(fields, properties, limits)
        sets = [_merged(fields, properties, name) for name in ("set", "set_once")]
        unset = _unset(fields, properties, limits)
        timestamp = _timestamp(fields, properties, limits)
        uuid = _uuid(fields.uuid, project, properties, place)
        if has_value(fields.ip) and "$ip" not in properties:
            properties["$ip"] = fields.ip
        text = encoded(properties)
        found = Event(
            uuid=uuid,
            project=project,
            event=event,
            distinct_id=distinct_id,
            timestamp=timestamp,
            received_at=fields.received_us,
            properties=text,
            set=encoded(sets[0]) if sets[0] else b"",
            set_once=encoded(sets[1]) if sets[1] else b"",
            unset=encoded(unset) if unset else b"",
            historical=fields.historical is True,
            marks=marks_of(event, text),
            repaired=repaired,
        )
        _weigh(found)
        return found
    except Refused as refusal:
        return Rejected(refusal.code, refusal.message, project)


def has_value(value: Any) -> bool:
    """Neither absent, null nor the empty text."""
    return value is not None and value != ""


def uuid_of_text(text: str) -> bytes | None:
    """The 16 bytes of a uuid in its usual form, with or without dashes; None for any other text."""
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        text = text.replace("-", "")
    if len(text) != 32:
        return None
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value if len(value) == 16 else None


def _object_or_empty(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(RejectionCode.WRONG_TYPE, f"{name} must be a JSON object, not {_kind(value)}")
    return dict(value)


def _project(fields: Fields, projects: Mapping[str, int], limits: Limits) -> int:
    token = fields.token
    if not has_value(token) and isinstance(fields.properties, dict):
        token = fields.properties.get("token")
    if not has_value(token):
        raise Refused(RejectionCode.MISSING_TOKEN, "token is missing: send the project's token with every event")
    usable = isinstance(token, str) and token.isascii() and len(token) <= limits.token_bytes
    if not usable or token not in projects:
        raise Refused(
            RejectionCode.UNKNOWN_TOKEN,
            "token belongs to no project: correct it, or add it to a project in the configuration",
        )
    return projects[token]


def _event_name(name: Any, limits: Limits) -> str:
    if not has_value(name):
        raise Refused(RejectionCode.MISSING_EVENT_NAME, "event is missing: name what happened")
    if not isinstance(name, str):
        raise Refused(RejectionCode.WRONG_TYPE, f"event must be a text, not {_kind(name)}")
    if len(name) > limits.event_name_chars:
        raise Refused(
            RejectionCode.EVENT_NAME_TOO_LONG,
            f"event has {len(name)} characters, the limit is {limits.event_name_chars} (limits.event_name_chars); "
            "put what varies into properties",
        )
    return name.replace("\x00", "\ufffd")


def _distinct_id(fields: Fields, properties: dict[str, Any], limits: Limits) -> str:
    value = fields.distinct_id if has_value(fields.distinct_id) else properties.get("distinct_id")
    text = (value if isinstance(value, str) else encoded(value).decode()).replace("\x00", "\ufffd")
    if not text or (text == "null" and not isinstance(value, str)):
        raise Refused(RejectionCode.MISSING_DISTINCT_ID, "distinct_id is missing: say who did it")
    if len(text) > limits.distinct_id_chars:
        raise Refused(
            RejectionCode.DISTINCT_ID_TOO_LONG,
            f"distinct_id has {len(text)} characters, the limit is {limits.distinct_id_chars} "
            "(limits.distinct_id_chars); send a shorter id, it is never cut",
        )
    return text


def _merged(fields: Fields, properties: dict[str, Any], name: str) -> dict[str, Any]:
    """`$set` and `$set_once` may stand inside the properties as well; the top level wins per key."""
    inside = _object_or_empty(properties.pop(f"${name}", None), f"properties.${name}")
    return {**inside, **_object_or_empty(getattr(fields, name), f"${name}")}


def _unset(fields: Fields, properties: dict[str, Any], limits: Limits) -> list[str]:
    inside, top = properties.pop("$unset", None), fields.unset
    names: list[str] = []
    for value in (top, inside):
        if value is None:
            continue
        found = list(value) if isinstance(value, (list, dict)) else [value]
        if not all(isinstance(name, str) for name in found):
            raise Refused(RejectionCode.WRONG_TYPE, "$unset must be a list of property names")
        names += found
    if len(names) > limits.keys:
        raise Refused(
            RejectionCode.TOO_MANY_PROPERTIES,
            f"$unset has {len(names)} names, the limit is {limits.keys} (limits.keys); remove fewer at once",
        )
    return list(dict.fromkeys(names))


def _timestamp(fields: Fields, properties: dict[str, Any], limits: Limits) -> int:
    try:
        when, fallback = event_time(
            fields.received_us,
            timestamp=fields.timestamp,
            sent_at=fields.sent_at,
            offset_ms=fields.offset,
            ignore_sent_at=bool(properties.get("$ignore_sent_at")),
            future_s=limits.future_s,
        )
    except OutOfRange as problem:
        raise Refused(
            RejectionCode.TIMESTAMP_OUT_OF_RANGE, f"{problem}; correct the sender's clock, or leave the time out"
        ) from problem
    if fallback:
        properties["$timestamp_fallback"] = True
    return when


def _uuid(value: Any, project: int, properties: dict[str, Any], place: Place) -> bytes:
    if not has_value(value):
        return record_uuid(place.log, place.partition, place.offset)
    text = value if isinstance(value, str) else encoded(value).decode()
    found = uuid_of_text(text)
    if found is None:
        properties["$original_uuid"] = text
        found = uuid5(TEXTS, f"{project}:{text}".encode())
    return found


def _weigh(event: Event) -> None:
    """A form may say something twice, and numbers are spelled out: an event can weigh many times its record."""
    size = len(event.properties) + len(event.set) + len(event.set_once) + len(event.unset)
    if size > EVENT_BYTES_MAX:
        raise Refused(
            RejectionCode.TOO_LARGE,
            f"the event has {size} bytes once all of it is spelled out, and {EVENT_BYTES_MAX} is the most; send less",
        )


def _kind(value: Any) -> str:
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        msgspec.Raw: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")
