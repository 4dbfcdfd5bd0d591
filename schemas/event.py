"""One customer event, and the only other fates a record may have: rejected or dropped."""

from enum import StrEnum

import msgspec

__all__ = ["Event", "Rejected", "Dropped", "RejectionCode", "Verdict"]


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A valid event. Times are microseconds since 1970-01-01T00:00:00Z.

    `properties` is the text of a JSON object in UTF-8, untouched since the wire unless something had to
    look inside. `set`, `set_once` (JSON objects) and `unset` (a JSON array of names) are empty bytes where
    the sender gave none.
    """

    uuid: bytes
    """16 bytes, big-endian, as in RFC 9562."""
    project: int
    event: str
    distinct_id: str
    timestamp: int
    received_at: int
    properties: bytes = b"{}"
    set: bytes = b""
    set_once: bytes = b""
    unset: bytes = b""
    historical: bool = False
    marks: bytes = b""
    """What the properties say about person and session (schemas/marks.py); empty for nothing."""
    applied: str = ""
    """The transformations that changed it, as name@version, separated by spaces, in their order."""
    failed: str = ""
    """Those that failed on it and were skipped."""
    repaired: int = 0
    """How many lone surrogates were replaced by U+FFFD."""


class RejectionCode(StrEnum):
    """Why a record is rejected: the closed list. A new reason is a new line here and in the docs."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_SCHEMA = "unknown_schema"
    BAD_AVRO = "bad_avro"
    EMPTY_RECORD = "empty_record"
    UNPARSABLE_LINE = "unparsable_line"
    MISSING_TOKEN = "missing_token"  # noqa: S105 - a rejection code, not a secret
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105 - likewise
    MISSING_EVENT_NAME = "missing_event_name"
    EVENT_NAME_TOO_LONG = "event_name_too_long"
    MISSING_DISTINCT_ID = "missing_distinct_id"
    DISTINCT_ID_TOO_LONG = "distinct_id_too_long"
    WRONG_TYPE = "wrong_type"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_PROPERTIES = "too_many_properties"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    TRANSFORM_FAILED = "transform_failed"
    REFUSED_BY_TRANSFORM = "refused_by_transform"
    SCHEMA_VIOLATION = "schema_violation"
    REFUSED_BY_DESTINATION = "refused_by_destination"


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A record that cannot go on. `message` names the field, the limit and the remedy; never a secret."""

    code: RejectionCode
    message: str
    project: int = 0
    """0 where the record did not get as far as a project."""


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """An event left out on purpose, by the named rule (`duplicate`, a destination's filter, …)."""

    rule: str
    project: int = 0


Verdict = Event | Rejected | Dropped
