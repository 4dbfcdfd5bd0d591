"""Sessions computed the slow and obvious way: one distinct id's timestamps, sorted, cut where a gap is too long."""

from collections.abc import Iterable

__all__ = ["sessions"]


def sessions(timestamps: Iterable[int], gap: int) -> dict[int, int]:
    """The start of each timestamp's session."""
    found: dict[int, int] = {}
    start = before = None
    for timestamp in sorted(set(timestamps)):
        if before is None or start is None or timestamp - before > gap:
            start = timestamp
        found[timestamp] = start
        before = timestamp
    return found
