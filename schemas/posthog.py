"""The PostHog capture envelope: an event encoded again as text, inside what the capture service knew.

The format follows the public capture service of PostHog (`{uuid, distinct_id, ip, data, now, sent_at, token}`).
"""

from typing import Any

from schemas.event import RejectionCode
from schemas.fields import Fields, has_value
from schemas.own_json import own_fields
from schemas.refused import Refused
from schemas.timestamps import moment_or

__all__ = ["is_envelope", "posthog_fields"]

KNOWN_BETTER_OUTSIDE = ("uuid", "distinct_id", "token", "sent_at", "historical")
KNOWN_BETTER_INSIDE = ("event", "timestamp")


def is_envelope(content: dict[str, Any]) -> bool:
    """A string `data` and a `now` make an envelope."""
    return isinstance(content.get("data"), str) and "now" in content


def posthog_fields(envelope: dict[str, Any], inner: Any, received_us: int) -> Fields:
    """The event inside, with what the envelope knows better; `now` is when the capture service got it."""
    if not isinstance(inner, dict):
        raise Refused(RejectionCode.NOT_AN_OBJECT, "data is JSON but not an object: it must hold one event")
    # Never later than the record: what a sender says must not reach into the future.
    fields = own_fields(inner, min(moment_or(envelope["now"], received_us), received_us))
    for name in KNOWN_BETTER_OUTSIDE:
        if has_value(envelope.get(name)):
            setattr(fields, name, envelope[name])
    for name in KNOWN_BETTER_INSIDE:
        if not has_value(getattr(fields, name)):
            setattr(fields, name, envelope.get(name))
    fields.ip = envelope.get("ip")
    return fields
