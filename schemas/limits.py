"""Limits on what an event may be, each a setting with its default and its reason."""

from typing import Annotated

import msgspec

__all__ = ["Limits", "EVENT_BYTES_MAX", "KEY_BYTES_MIN"]

KEY_BYTES_MIN = 5
"""The least that a key takes in JSON, `"":1,`: a text with fewer bytes than that per key cannot have them all."""
EVENT_BYTES_MAX = 7_000_000
"""The most that an event may have, whatever the limit says: what is more fits into no internal topic (8 MiB), and would
be read, and fail to be written, for ever."""


def _from(least: int, most: int) -> msgspec.Meta:
    return msgspec.Meta(ge=least, le=most)


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What accept refuses. Times in seconds, sizes in bytes, lengths in characters."""

    event_bytes: Annotated[int, _from(1, EVENT_BYTES_MAX)] = 1_000_000
    """A larger value is rejected as `too_large`; the most is what an internal topic takes (8 MiB), with room for what a
    person is known by."""
    depth: Annotated[int, _from(1, 500)] = 64
    """Deeper nesting is rejected as `too_deep`: nobody queries it, and parsers recurse (hence at most 500)."""
    keys: Annotated[int, _from(1, 1_000_000)] = 10_000
    """More keys in an event, nested ones included, are rejected as `too_many_properties`."""
    distinct_id_chars: Annotated[int, _from(1, 10_000)] = 200
    """A longer distinct id is rejected, never cut: two cut ids could become one person."""
    event_name_chars: Annotated[int, _from(1, 10_000)] = 200
    """A longer event name is rejected: it is a column people group by."""
    token_bytes: Annotated[int, _from(1, 1_000)] = 64
    """A longer token cannot be one of ours."""
    future_s: Annotated[int, _from(0, 31_536_000)] = 82_800
    """A timestamp further ahead of its receipt (23 hours) is a wrong clock: the receipt counts."""
