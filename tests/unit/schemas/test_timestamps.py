"""Times as senders write them, and what clocks that are wrong do to them."""

from datetime import UTC, datetime

import pytest

from schemas.timestamps import OutOfRange, event_time, micros, parse_time


def us(text: str) -> int:
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


RECEIVED = us("2023-01-01T12:00:00")


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "ignore", "offset", "expected"),
    [
        ("2023-01-01T11:00:00Z", "2023-01-01T12:00:10Z", False, None, "10:59:50"),
        ("2023-01-01T11:00:00Z", "2023-01-01T11:59:50Z", False, None, "11:00:10"),
        ("2023-01-01T11:00:00Z", None, False, None, "11:00:00"),
        ("2023-01-01T11:00:00Z", "2023-01-01T12:00:10Z", True, None, "11:00:00"),
        (None, None, False, 5000, "11:59:55"),
        ("2023-01-01T11:59:55Z", "2023-01-01T12:00:05Z", False, None, "11:59:50"),
        (None, None, False, None, "12:00:00"),
        ("2023-01-02T10:59:59Z", None, False, None, "+10:59:59"),
        ("2023-01-02T11:00:01Z", None, False, None, "12:00:00"),
    ],
)
def test_the_published_vectors(
    timestamp: str | None, sent_at: str | None, ignore: bool, offset: int | None, expected: str
) -> None:
    found, fallback = event_time(
        RECEIVED, timestamp=timestamp, sent_at=sent_at, offset_ms=offset, ignore_sent_at=ignore
    )

    day = "2023-01-02" if expected.startswith("+") else "2023-01-01"
    assert (found, fallback) == (us(f"{day}T{expected.lstrip('+')}"), False)


@pytest.mark.parametrize(
    "value",
    [
        "2015-05-17T10:05:03Z",
        "2015-05-17T12:05:03+02:00",
        "2015-05-17 10:05:03",
        "2015/05/17 10:05:03",
        "05/17/2015 10:05:03",
        "Sun, 17 May 2015 10:05:03 +0000",
        1431857103,
        1431857103.0,
        1431857103000,
        "1431857103",
        "1431857103000",
    ],
)
def test_one_moment_in_every_accepted_form(value: object) -> None:
    assert parse_time(value) == us("2015-05-17T10:05:03")


def test_a_date_alone_is_midnight() -> None:
    assert parse_time("2015-05-17") == us("2015-05-17T00:00:00")


@pytest.mark.parametrize("value", ["yesterday", "", "2015-13-01", [], {}, True, "12"])
def test_what_is_no_time_falls_back_to_the_receipt_and_says_so(value: object) -> None:
    assert parse_time(value) is None


@pytest.mark.parametrize("value", ["1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z", -1, 1e300, 10**40])
def test_a_year_outside_the_range_is_refused(value: object) -> None:
    with pytest.raises(OutOfRange):
        event_time(RECEIVED, timestamp=value)


def test_the_first_and_the_last_moment_are_accepted() -> None:
    far = us("2261-12-31T23:59:59")

    assert event_time(RECEIVED, timestamp="1970-01-01T00:00:00Z") == (0, False)
    assert event_time(far, timestamp="2261-12-31T23:59:59Z") == (far, False)
