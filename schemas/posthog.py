"""The PostHog capture envelope: an event encoded again as text, inside what the capture service knew.

The format follows the public capture service of PostHog (`{uuid, distinct_id, ip, data, now, sent_at, token}`).
"""

from typing import Any

from schemas.event import RejectionCode
from schemas.fields import Fields, Refused
from schemas.own_json import own_fields
from schemas.timestamps import parse_time

__all__ = ["is_envelope", "posthog_fields"]


def is_envelope(content: dict[str, Any]) -> bool:
    """A string `data` and a `now` make an envelope."""
    return isinstance(content.get("data"), str) and "now" in content


def posthog_fields(envelope: dict[str, Any], inner: Any, received_us: int) -> Fields:
    """The event inside, with what the envelope knows better: uuid, distinct id, token, address and receipt."""
    if not isinstance(inner, dict):
        raise Refused(RejectionCode.NOT_AN_OBJECT, "data is JSON but not an object: it must hold one event")
    fields = own_fields(inner, received_us)
    for name in ("uuid", "distinct_id", "token"):
        if envelope.get(name) not in (None, ""):
            setattr(fields, name, envelope[name])
    for name in ("event", "timestamp"):
        if getattr(fields, name) in (None, ""):
            setattr(fields, name, envelope.get(name))
    fields.sent_at = envelope.get("sent_at") or fields.sent_at
    fields.ip = envelope.get("ip")
    received = parse_time(envelope["now"])
    if received is not None and received >= 0:
        fields.received_us = received
    return fields
