"""When something happened, in parts one can group by: the hour, the weekday, the week, in one time zone."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["ExpandTimestamp"]

SECONDS_KEPT = 4_096
"""How many results a worker remembers: some 2 MB; a live stream stays within a few minutes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PART = Literal["year", "quarter", "month", "iso_week", "day", "weekday", "hour", "is_weekend"]


class Config(TransformConfig, frozen=True):
    time_zone: Annotated[str, about("An IANA name (Europe/Berlin); its rules for summer time are followed.")] = "UTC"
    parts: Annotated[tuple[_PART, ...], about("Which parts are added.", min_length=1)] = (
        "hour",
        "weekday",
        "iso_week",
        "month",
        "quarter",
        "is_weekend",
    )
    prefix: Annotated[str, about("What the names of the properties begin with.")] = "time_"
    weekend: Annotated[
        tuple[Annotated[int, about("A day, 1 is Monday and 7 is Sunday.", ge=1, le=7)], ...],
        about("The days of the weekend, 1 is Monday and 7 is Sunday."),
    ] = (6, 7)

    def __post_init__(self) -> None:
        _zone(self.time_zone)


class ExpandTimestamp(Transform[Config]):
    """Add the hour, the weekday, the week, the month and the quarter of an event, in one time zone for all.

    The hour goes from 0 to 23, the weekday from 1 (Monday) to 7, as in ISO 8601; the week is written with its year
    (`2026-W53`), because the first days of January often belong to the year before. When clocks are set back, an hour
    happens twice and is counted as one; when they are set forward, an hour is missing.

    What was sent under these names is replaced: it all follows from the timestamp.
    """

    name = "expand_timestamp"
    Config = Config
    examples = (
        Example(
            says="The evening of a Sunday in Berlin",
            config={"time_zone": "Europe/Berlin"},
            before={"timestamp": "2026-09-20T20:30:00Z"},
            after={
                "properties": {
                    "time_hour": 22,
                    "time_weekday": 7,
                    "time_iso_week": "2026-W38",
                    "time_month": 9,
                    "time_quarter": 3,
                    "time_is_weekend": True,
                }
            },
        ),
        Example(
            says="A week that belongs to the year before",
            config={"parts": ["iso_week"], "prefix": ""},
            before={"timestamp": "2027-01-01T12:00:00Z"},
            after={"properties": {"iso_week": "2026-W53"}},
        ),
    )

    def open(self) -> None:
        self._zone = _zone(self.config.time_zone)
        self._names = tuple((part, self.config.prefix + part) for part in self.config.parts)
        self._expand = lru_cache(maxsize=SECONDS_KEPT)(self._parts)

    def reads(self) -> Collection[str]:
        return [name for _, name in self._names]

    def __call__(self, event: OpenEvent) -> Result:
        parts = self._expand(event.timestamp // 1_000_000)
        for name, value in parts.items():
            # False is 0 in Python, but not in JSON.
            sent = event.get(name)
            if sent != value or type(sent) is not type(value):
                return event.adding(parts)
        return event

    def _parts(self, second: int) -> dict[str, Any]:
        try:
            moment = (_EPOCH + timedelta(seconds=second)).astimezone(self._zone)
        except OverflowError:
            # The first and the last day of the calendar, which another time zone puts outside of it.
            return {}
        year, week, weekday = moment.isocalendar()
        known = {
            "year": moment.year,
            "quarter": (moment.month + 2) // 3,
            "month": moment.month,
            "iso_week": f"{year}-W{week:02}",
            "day": moment.day,
            "weekday": weekday,
            "hour": moment.hour,
            "is_weekend": weekday in self.config.weekend,
        }
        return {name: known[part] for part, name in self._names}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name!r}: give an IANA name such as Europe/Berlin, "
            "and install tzdata where the system has none"
        ) from None
