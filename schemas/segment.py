"""The Segment spec, as Segment's and RudderStack's libraries send it: six kinds of calls, one kind of event.

The format follows the public Segment spec (track, identify, page, screen, group, alias; common fields).
"""

from typing import Any

from schemas.event import RejectionCode
from schemas.fields import Fields, has_value
from schemas.refused import Refused
from schemas.timestamps import moment_or

__all__ = ["is_segment", "segment_fields"]

KINDS = frozenset({"track", "identify", "page", "screen", "group", "alias"})
EVENT_NAMES = {
    "identify": "$identify",
    "page": "$pageview",
    "screen": "$screen",
    "group": "$groupidentify",
    "alias": "$create_alias",
}
NAMES = {"page": "name", "screen": "$screen_name"}
"""What the `name` of a call becomes."""
SINGLE = {"ip": "$ip", "userAgent": "$raw_user_agent", "locale": "$locale", "timezone": "$timezone"}
PAGE = {
    ("page", "url"): "$current_url",
    ("page", "path"): "$pathname",
    ("page", "referrer"): "$referrer",
    ("page", "title"): "$title",
    ("page", "search"): "$search",
}
NESTED = PAGE | {
    ("campaign", "name"): "utm_campaign",
    ("campaign", "source"): "utm_source",
    ("campaign", "medium"): "utm_medium",
    ("campaign", "term"): "utm_term",
    ("campaign", "content"): "utm_content",
    ("campaign", "id"): "utm_id",
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
    ("screen", "innerWidth"): "$viewport_width",
    ("screen", "innerHeight"): "$viewport_height",
}
"""Where a value of `context` goes; what is not listed stays under `context`."""
_NOTHING: Any = object()


def is_segment(content: dict[str, Any]) -> bool:
    """One of the six types makes a call of this spec."""
    kind = content.get("type")
    return isinstance(kind, str) and kind in KINDS


def segment_fields(call: dict[str, Any], received_us: int) -> Fields:
    """The call as an event: names and traits in our words, the context as properties."""
    kind = call["type"]
    user, anonymous = call.get("userId"), call.get("anonymousId")
    context = call.get("context")
    traits = call.get("traits")
    if kind == "identify" and traits is None and isinstance(context, dict) and "traits" in context:
        # RudderStack's libraries put the traits of an identify call there.
        traits = context["traits"]
        context = {name: value for name, value in context.items() if name != "traits"}
    properties = _with_context(_properties(call, kind), context)
    if kind == "identify" and has_value(user) and has_value(anonymous):
        properties["$anon_distinct_id"] = anonymous
    elif kind == "alias" and has_value(call.get("previousId")):
        properties["alias"] = call["previousId"]
    elif kind == "group":
        properties |= {"$group_key": call.get("groupId"), "$group_set": {} if traits is None else traits}
    timestamp, sent_at = _times(call)
    return Fields(
        token=call.get("writeKey"),
        uuid=call.get("messageId"),
        event="$set" if kind == "identify" and not has_value(user) else EVENT_NAMES.get(kind) or call.get("event"),
        distinct_id=user if has_value(user) else anonymous,
        timestamp=timestamp,
        sent_at=sent_at,
        # Never later than the record: what a sender says must not reach into the future.
        received_us=min(moment_or(call.get("receivedAt"), received_us), received_us),
        properties=properties,
        set=traits if kind == "identify" else None,
        historical=call.get("historical"),
    )


def _properties(call: dict[str, Any], kind: str) -> dict[str, Any]:
    """The call's own properties; those of a page under our names as well."""
    own = call.get("properties")
    if own is not None and not isinstance(own, dict):
        raise Refused(RejectionCode.WRONG_TYPE, "properties must be a JSON object: send {} where there are none")
    properties: dict[str, Any] = dict(own or {})
    if kind in ("page", "screen"):
        for name, ours in (("name", NAMES[kind]), ("category", "category")):
            if has_value(call.get(name)):
                properties.setdefault(ours, call[name])
    if kind == "page":
        for (_, name), ours in PAGE.items():
            if name in properties:
                properties.setdefault(ours, properties[name])
    return properties


def _with_context(properties: dict[str, Any], context: Any) -> dict[str, Any]:
    """The context fills in what the call's own properties do not name; nothing of it is lost."""
    if not has_value(context):
        return properties
    rest = context
    if isinstance(context, dict):
        rest = {}
        for name, value in context.items():
            left = _moved(properties, name, value)
            if left is not _NOTHING:
                rest[name] = left
    if isinstance(rest, dict) and isinstance(properties.get("context"), dict):
        properties["context"] = {**rest, **properties["context"]}
    elif rest != {}:
        properties.setdefault("context", rest)
    return properties


def _moved(properties: dict[str, Any], name: str, value: Any) -> Any:
    """Move one entry of the context to its own property; what stays behind, or _NOTHING."""
    if name in SINGLE:
        ours = SINGLE[name]
        if properties.setdefault(ours, value) == value:
            return _NOTHING
        return value
    if not isinstance(value, dict):
        return value
    left = {}
    for key, inner in value.items():
        target = NESTED.get((name, key))
        if target is None or properties.setdefault(target, inner) != inner:
            left[key] = inner
    return left or _NOTHING


def _times(call: dict[str, Any]) -> tuple[Any, Any]:
    """(timestamp, sent_at). A timestamp beside an originalTimestamp has been corrected already."""
    timestamp, original = call.get("timestamp"), call.get("originalTimestamp")
    if has_value(timestamp) and has_value(original):
        return timestamp, None
    return (timestamp if has_value(timestamp) else original), call.get("sentAt")
