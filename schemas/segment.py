"""The Segment spec, as Segment's and RudderStack's libraries send it: six kinds of calls, one kind of event.

The format follows the public Segment spec (track, identify, page, screen, group, alias; common fields).
"""

from typing import Any

from schemas.fields import Fields
from schemas.timestamps import parse_time

__all__ = ["is_segment", "segment_fields"]

KINDS = frozenset({"track", "identify", "page", "screen", "group", "alias"})
EVENT_NAMES = {
    "identify": "$identify",
    "page": "$pageview",
    "screen": "$screen",
    "group": "$groupidentify",
    "alias": "$create_alias",
}
CONTEXT = {
    ("ip",): "$ip",
    ("userAgent",): "$raw_user_agent",
    ("locale",): "$locale",
    ("timezone",): "$timezone",
    ("page", "url"): "$current_url",
    ("page", "path"): "$pathname",
    ("page", "referrer"): "$referrer",
    ("page", "title"): "$title",
    ("page", "search"): "$search",
    ("campaign", "name"): "utm_campaign",
    ("campaign", "source"): "utm_source",
    ("campaign", "medium"): "utm_medium",
    ("campaign", "term"): "utm_term",
    ("campaign", "content"): "utm_content",
    ("library", "name"): "$lib",
    ("library", "version"): "$lib_version",
    ("os", "name"): "$os",
    ("os", "version"): "$os_version",
    ("device", "id"): "$device_id",
    ("device", "manufacturer"): "$device_manufacturer",
    ("device", "model"): "$device_model",
    ("device", "name"): "$device_name",
    ("device", "type"): "$device_type",
    ("app", "name"): "$app_name",
    ("app", "version"): "$app_version",
    ("app", "build"): "$app_build",
    ("app", "namespace"): "$app_namespace",
    ("screen", "width"): "$screen_width",
    ("screen", "height"): "$screen_height",
    ("screen", "density"): "$screen_density",
}
"""Where a value of `context` goes; what is not listed stays under `context`."""


def is_segment(content: dict[str, Any]) -> bool:
    """One of the six types makes a call of this spec."""
    kind = content.get("type")
    return isinstance(kind, str) and kind in KINDS


def segment_fields(call: dict[str, Any], received_us: int) -> Fields:
    """The call as an event: names and traits in our words, the context as properties."""
    kind = call["type"]
    user, anonymous = call.get("userId"), call.get("anonymousId")
    properties = _properties(call, kind)
    sets = None
    if kind == "identify":
        sets = call.get("traits")
        if user not in (None, "") and anonymous not in (None, ""):
            properties["$anon_distinct_id"] = anonymous
    elif kind == "alias":
        properties["alias"] = call.get("previousId")
    elif kind == "group":
        properties["$group_key"] = call.get("groupId")
        properties["$group_set"] = call.get("traits") or {}
    timestamp, sent_at = _times(call)
    received = parse_time(call.get("receivedAt"))
    return Fields(
        token=call.get("writeKey"),
        uuid=call.get("messageId"),
        event=EVENT_NAMES.get(kind) or call.get("event"),
        distinct_id=user if user not in (None, "") else anonymous,
        timestamp=timestamp,
        sent_at=sent_at,
        received_us=received if received is not None and received >= 0 else received_us,
        properties=properties,
        set=sets,
    )


def _properties(call: dict[str, Any], kind: str) -> dict[str, Any]:
    """Own properties first; the context fills in what they do not name."""
    own = call.get("properties")
    properties: dict[str, Any] = dict(own) if isinstance(own, dict) else {}
    if kind in ("page", "screen") and call.get("name") not in (None, ""):
        properties.setdefault("$screen_name" if kind == "screen" else "name", call["name"])
    if kind == "page":
        for name, ours in (
            ("url", "$current_url"),
            ("path", "$pathname"),
            ("referrer", "$referrer"),
            ("title", "$title"),
        ):
            if name in properties:
                properties.setdefault(ours, properties[name])
    context = call.get("context")
    if isinstance(context, dict):
        mapped, rest = _mapped(context)
        for name, value in mapped.items():
            properties.setdefault(name, value)
        if rest:
            properties.setdefault("context", rest)
    return properties


def _mapped(context: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(properties, what has no match) of a context."""
    mapped: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in context.items():
        if (name,) in CONTEXT:
            mapped[CONTEXT[(name,)]] = value
        elif isinstance(value, dict):
            left = {key: inner for key, inner in value.items() if (name, key) not in CONTEXT}
            mapped.update({CONTEXT[(name, key)]: value[key] for key in value if (name, key) in CONTEXT})
            if left:
                rest[name] = left
        else:
            rest[name] = value
    return mapped, rest


def _times(call: dict[str, Any]) -> tuple[Any, Any]:
    """(timestamp, sent_at). A timestamp beside an originalTimestamp has been corrected already."""
    timestamp, original, sent_at = call.get("timestamp"), call.get("originalTimestamp"), call.get("sentAt")
    if timestamp not in (None, "") and original not in (None, ""):
        return timestamp, None
    return (timestamp if timestamp not in (None, "") else original), sent_at
