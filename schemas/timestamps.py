"""When an event happened: parsing what senders write, and correcting for clocks that are wrong.

All times are microseconds since 1970-01-01T00:00:00Z. The rules and their order are in docs/events.md.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = ["OutOfRange", "event_time", "micros", "parse_time"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS_FROM = 1e11
"""A number from here on is milliseconds: as seconds it would be the year 5138."""
FIRST_US, END_US = 0, 9_214_646_400_000_000
"""1970-01-01 to 2262-01-01, the end excluded: what 64-bit nanoseconds and ClickHouse's DateTime64 can hold."""
_SLASHES = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?:[ T](.+))?")
_US_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](.+))?")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


class OutOfRange(ValueError):
    """A time that was understood and lies outside 1970–2261."""


def event_time(
    received_us: int,
    *,
    timestamp: Any = None,
    sent_at: Any = None,
    offset_ms: Any = None,
    ignore_sent_at: bool = False,
    future_s: int = 82_800,
) -> tuple[int, bool]:
    """The event's time, and whether it fell back to the receipt because what was sent could not be read.

    Raises OutOfRange for a year outside 1970–2261.
    """
    if isinstance(offset_ms, (int, float)) and not isinstance(offset_ms, bool):
        return _within(received_us - int(offset_ms * 1000), received_us, future_s), False
    if timestamp is None or timestamp == "":
        return received_us, False
    sent = parse_time(timestamp)
    if sent is None:
        return received_us, True
    _check(sent)
    if sent_at is not None and not ignore_sent_at:
        sender = parse_time(sent_at)
        if sender is not None:
            sent -= sender - received_us
    return _within(sent, received_us, future_s), False


def parse_time(value: Any) -> int | None:
    """Microseconds of a text or number, or None when it is no time. Raises OutOfRange for absurd numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return _of_number(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text) and len(text.split(".")[0].lstrip("+-")) > 8:
        return _of_number(float(text) if "." in text else int(text))
    for parse in (datetime.fromisoformat, _of_slashes, parsedate_to_datetime):
        try:
            return micros(parse(text))
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def micros(when: datetime) -> int:
    """A datetime as microseconds; without a zone it is UTC. Exact, unlike its float timestamp."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    span = when - EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _of_number(value: float) -> int:
    scale = 1_000 if abs(value) >= MILLISECONDS_FROM else 1_000_000
    try:
        return int(value * scale)
    except (OverflowError, ValueError) as problem:
        raise OutOfRange(f"{value} is no time") from problem


def _of_slashes(text: str) -> datetime:
    found = _SLASHES.fullmatch(text)
    if found:
        year, month, day, clock = found.groups()
    else:
        found = _US_SLASHES.fullmatch(text)
        if not found:
            raise ValueError(text)
        month, day, year, clock = found.groups()
    return datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}" + (f"T{clock}" if clock else ""))


def _within(when_us: int, received_us: int, future_s: int) -> int:
    """The time itself, unless it is further ahead of the receipt than any clock should be."""
    _check(when_us)
    return received_us if when_us > received_us + future_s * 1_000_000 else when_us


def _check(when_us: int) -> None:
    if not FIRST_US <= when_us < END_US:
        raise OutOfRange("the year must be from 1970 to 2261")
