"""Limits on what an event may be, each a setting with its default and its reason."""

import msgspec

__all__ = ["Limits"]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What accept refuses. Times in seconds, sizes in bytes, lengths in characters."""

    event_bytes: int = 1_000_000
    """A larger value is rejected as `too_large`; the broker's own limit for a record is 8 MiB."""
    depth: int = 64
    """Deeper nesting is rejected as `too_deep`: nobody queries it, and parsers recurse."""
    keys: int = 10_000
    """More keys in an event are rejected as `too_many_properties`."""
    distinct_id_chars: int = 200
    """A longer distinct id is rejected, never cut: two cut ids could become one person."""
    event_name_chars: int = 200
    """A longer event name is rejected: it is a column people group by."""
    token_bytes: int = 64
    """A longer token cannot be one of ours."""
    future_s: int = 82_800
    """A timestamp further ahead of its receipt (23 hours) is a wrong clock: the receipt counts."""
