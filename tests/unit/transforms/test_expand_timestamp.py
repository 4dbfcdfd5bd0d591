"""Parts of the time: weeks by ISO 8601, clocks by the rules of the time zone."""

from typing import Any

import pytest

from transforms.testing import made, opened, run


def parts(timestamp: str, *names: str, **config: Any) -> Any:
    after = run("expand_timestamp", {"timestamp": timestamp}, {"parts": names, "prefix": "", **config})
    return tuple(after.properties[name] for name in names)


@pytest.mark.parametrize(
    ("day", "week"),
    [
        # The examples of ISO 8601's week dates.
        ("2005-01-01", "2004-W53"),
        ("2005-01-02", "2004-W53"),
        ("2005-12-31", "2005-W52"),
        ("2006-01-01", "2005-W52"),
        ("2006-01-02", "2006-W01"),
        ("2006-12-31", "2006-W52"),
        ("2007-01-01", "2007-W01"),
        ("2007-12-30", "2007-W52"),
        ("2007-12-31", "2008-W01"),
        ("2008-01-01", "2008-W01"),
        ("2008-12-28", "2008-W52"),
        ("2008-12-29", "2009-W01"),
        ("2009-12-31", "2009-W53"),
        ("2010-01-03", "2009-W53"),
    ],
)
def test_weeks_belong_to_the_year_of_their_thursday(day: str, week: str) -> None:
    assert parts(f"{day}T12:00:00Z", "iso_week") == (week,)


@pytest.mark.parametrize(
    ("zone", "timestamp", "hour", "day"),
    [
        # Summer time begins (an hour is missing) and ends (an hour happens twice).
        ("Europe/Berlin", "2026-03-29T00:59:59Z", 1, 29),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", 3, 29),
        ("Europe/Berlin", "2026-10-25T00:30:00Z", 2, 25),
        ("Europe/Berlin", "2026-10-25T01:30:00Z", 2, 25),
        ("Europe/Berlin", "2026-10-25T02:30:00Z", 3, 25),
        ("America/New_York", "2026-03-08T06:59:59Z", 1, 8),
        ("America/New_York", "2026-03-08T07:00:00Z", 3, 8),
        ("America/New_York", "2026-11-01T05:30:00Z", 1, 1),
        ("America/New_York", "2026-11-01T06:30:00Z", 1, 1),
        ("Australia/Lord_Howe", "2026-04-04T14:59:00Z", 1, 5),
        ("Australia/Lord_Howe", "2026-04-04T15:15:00Z", 1, 5),
        ("Asia/Kolkata", "2026-09-20T18:30:00Z", 0, 21),
        ("Pacific/Kiritimati", "2026-09-20T10:00:00Z", 0, 21),
        ("UTC", "1969-12-31T23:59:59Z", 23, 31),
    ],
)
def test_clocks_are_those_of_the_time_zone(zone: str, timestamp: str, hour: int, day: int) -> None:
    assert parts(timestamp, "hour", "day", time_zone=zone) == (hour, day)


@pytest.mark.parametrize(("month", "quarter"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3), (9, 3), (10, 4), (12, 4)])
def test_quarters(month: int, quarter: int) -> None:
    assert parts(f"2026-{month:02}-15T12:00:00Z", "year", "month", "quarter") == (2026, month, quarter)


def test_the_weekend_can_be_set() -> None:
    friday = "2026-09-18T12:00:00Z"

    assert parts(friday, "weekday", "is_weekend") == (5, False)
    assert parts(friday, "weekday", "is_weekend", weekend=[5, 6]) == (5, True)


def test_an_unknown_time_zone_is_refused() -> None:
    for zone in ("Europe/Atlantis", "", "../etc/passwd"):
        with pytest.raises(ValueError, match="no time zone"):
            made("expand_timestamp", {"time_zone": zone})


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"])
def test_the_ends_of_the_calendar_are_let_be(timestamp: str) -> None:
    event = opened({"timestamp": timestamp})

    for zone in ("America/New_York", "Asia/Tokyo"):
        made("expand_timestamp", {"time_zone": zone})(event)


def test_twice_is_once_and_other_values_are_replaced() -> None:
    transform = made("expand_timestamp")
    once = transform(opened({"properties": {"time_is_weekend": 0, "time_hour": "12", "plan": "pro"}}))

    assert transform(once) is once
    assert once.properties["time_is_weekend"] is False
    assert once.properties["plan"] == "pro"
