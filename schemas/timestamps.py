"""When an event happened: parsing what senders write, and correcting for clocks that are wrong.

All times are microseconds since 1970-01-01T00:00:00Z. The rules and their order are in docs/events.md.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

__all__ = ["event_time", "parse_time", "moment_or", "micros", "in_range", "OutOfRange", "EPOCH", "END_US"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_US = 9_214_646_400_000_000
"""2262-01-01, excluded: what 64-bit nanoseconds and ClickHouse's DateTime64 can hold ends in that year."""
MILLISECONDS_FROM = 1e11
"""A number from here on is milliseconds: as seconds it would be the year 5138."""
NUMBER_DIGITS_MIN = 9
"""A text of fewer digits is no epoch time but a date without dashes, or nothing."""
TEXT_CHARS_MAX = 64
"""No accepted form is longer; what is longer is not looked at."""
_MICROSECOND = timedelta(microseconds=1)
_SLASHES = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?:[ T](.+))?", re.ASCII)
_US_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](.+))?", re.ASCII)
_NUMBER = re.compile(rf"[+-]?\d{{{NUMBER_DIGITS_MIN},}}(\.\d+)?", re.ASCII)
_MAIL = re.compile(r"([A-Z][a-z]+, *)?\d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} +\d{1,2}:\d{2}.*", re.ASCII)


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
    if isinstance(offset_ms, (int, float, msgspec.Raw)) and not isinstance(offset_ms, bool):
        return _within(received_us - _scaled(offset_ms, 1000, "offset"), received_us, future_s, "offset"), False
    if timestamp is None or timestamp == "":
        return received_us, False
    when = parse_time(timestamp, "timestamp")
    if when is None:
        return received_us, True
    _check(when, "timestamp")
    sender = None if ignore_sent_at else parse_time(sent_at, "sent_at")
    if sender is not None:
        when -= sender - received_us
    return _within(when, received_us, future_s, "timestamp corrected by sent_at"), False


def parse_time(value: Any, name: str = "time") -> int | None:
    """Microseconds of a text or number, or None when it is no time. Raises OutOfRange for absurd numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float, msgspec.Raw)):
        return _of_number(value, name)
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX:
        return None
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _of_number(float(text) if "." in text else int(text), name)
    for parse in (_of_iso, _of_slashes, _of_mail):
        try:
            return micros(parse(text))
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def moment_or(value: Any, otherwise_us: int) -> int:
    """The time, or the other one where the value is none that can be stored."""
    try:
        found = parse_time(value)
    except OutOfRange:
        return otherwise_us
    return found if found is not None and in_range(found) else otherwise_us


def micros(when: datetime) -> int:
    """A datetime as microseconds; without a zone it is UTC. Exact, unlike its float timestamp."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return (when - EPOCH) // _MICROSECOND


def in_range(when_us: int) -> bool:
    """From 1970 to 2261."""
    return 0 <= when_us < END_US


def _of_number(value: float | msgspec.Raw, name: str) -> int:
    milliseconds = isinstance(value, msgspec.Raw) or abs(value) >= MILLISECONDS_FROM
    return _scaled(value, 1_000 if milliseconds else 1_000_000, name)


def _scaled(value: float | msgspec.Raw, scale: int, name: str) -> int:
    """Whole microseconds. A Raw is a number that is beyond every type, and so beyond every year."""
    try:
        if not isinstance(value, msgspec.Raw):
            return int(value * scale)
    except (OverflowError, ValueError):
        pass
    raise OutOfRange(f"{name}: the number is no time from 1970 to 2261")


def _of_iso(text: str) -> datetime:
    return datetime.fromisoformat(text[:-1] + "Z" if text.endswith("z") else text)


def _of_slashes(text: str) -> datetime:
    found = _SLASHES.fullmatch(text)
    if found:
        year, month, day, clock = found.groups()
    else:
        found = _US_SLASHES.fullmatch(text)
        if not found:
            raise ValueError("no date with slashes")
        month, day, year, clock = found.groups()
    return datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}" + (f"T{clock}" if clock else ""))


def _of_mail(text: str) -> datetime:
    """RFC 2822, with the old names of zones and years of two digits that it still allows."""
    if not _MAIL.fullmatch(text):
        raise ValueError("no date of a mail")
    return parsedate_to_datetime(text)


def _within(when_us: int, received_us: int, future_s: int, name: str) -> int:
    """The time itself, unless it is further ahead of the receipt than any clock should be."""
    _check(when_us, name)
    return received_us if when_us > received_us + future_s * 1_000_000 else when_us


def _check(when_us: int, name: str) -> None:
    if not in_range(when_us):
        raise OutOfRange(f"{name}: the year must be from 1970 to 2261")
