"""Headrace's own form: one flat JSON object, with the aliases that real SDKs send."""

from typing import Any

from schemas.fields import Fields, has_value

__all__ = ["own_fields"]


def own_fields(content: dict[str, Any], received_us: int) -> Fields:
    """Read `{token, uuid?, event, distinct_id, timestamp?, sent_at?, offset?, properties?, $set?, …}`.

    The aliases inside `properties` are the rules' business (schemas/fields.py): they count for every form.
    """
    return Fields(
        token=_first(content, "token", "api_key", "$token"),
        uuid=content.get("uuid"),
        event=content.get("event"),
        distinct_id=_first(content, "distinct_id", "$distinct_id"),
        timestamp=content.get("timestamp"),
        sent_at=content.get("sent_at"),
        offset=content.get("offset"),
        received_us=received_us,
        properties=content.get("properties"),
        set=content.get("$set"),
        set_once=content.get("$set_once"),
        unset=content.get("$unset"),
        historical=content.get("historical"),
    )


def _first(content: dict[str, Any], *names: str) -> Any:
    """The first of the names that has a value."""
    return next((content[name] for name in names if has_value(content.get(name))), None)
