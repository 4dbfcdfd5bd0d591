import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.report import Hour, Named, Person, Rejection, Report, bar, columns, fitted, render

START = datetime(2015, 5, 17, 10, tzinfo=UTC)


def hours_of(counts):
    return [Hour(START + timedelta(hours=index), count) for index, count in enumerate(counts)]


def report_of(**changes):
    empty = {"pages": [], "hours": [], "statuses": [], "top_people": [], "rejections": []}
    return Report(**{"events": 3, "people": 2, **empty, **changes})


def text_of(report, width=80):
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(render(report, width))
    return console.export_text()


@pytest.mark.parametrize(
    ("part", "whole", "expected"), [(10, 10, "████"), (5, 10, "██"), (1, 1000, "▏"), (0, 10, ""), (0, 0, "")]
)
def test_a_bar_is_as_long_as_its_share(part, whole, expected):
    assert bar(part, whole, 4) == expected


def test_columns_stand_on_the_ground():
    assert columns([0, 8, 16], 2) == ["  █", " ██"]


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(1, 8))
def test_what_happened_shows_and_what_did_not_does_not(counts, rows):
    ground = columns(counts, rows)[-1].ljust(len(counts))

    assert [letter != " " for letter in ground] == [count > 0 for count in counts]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=800), st.integers(1, 200))
def test_hours_are_joined_until_they_fit_and_none_is_lost(counts, width):
    per_column, sums = fitted(hours_of(counts), width)

    assert len(sums) <= width
    assert sum(sums) == sum(counts)
    assert per_column == 1 or len(counts) > width


def test_the_report_says_everything_it_was_told():
    text = text_of(
        report_of(
            pages=[Named("/blog/", 572)],
            hours=hours_of([5, 0, 7]),
            statuses=[Named("404", 213)],
            top_people=[Person("66.249.73.135", 482, START, START)],
            rejections=[Rejection("unparsable_line", "accept", 1, "line 8899 has not the format")],
        )
    )

    expected = ["3 events of 2 people", "Events per hour", "/blog/", "572", "404", "66.249.73.135", "unparsable_line"]
    assert [part for part in expected if part not in text] == []


def test_without_rejections_it_says_none():
    assert "Rejected: 0" in text_of(report_of())


def test_without_events_it_says_how_to_send_some():
    assert "headrace import" in text_of(report_of(events=0, people=0))


def test_each_day_is_named_under_its_first_hour():
    text = text_of(report_of(hours=hours_of([1] * 40)))

    assert "17 May" in text
    assert "18 May" in text


def test_what_looks_like_markup_is_shown_as_it_is():
    assert "/[red]x[/nonsense]" in text_of(report_of(pages=[Named("/[red]x[/nonsense]", 1)]))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    report = report_of(pages=[Named("/" + "x" * 300, 5)], hours=hours_of(range(300)), statuses=[Named("200", 5)])

    assert max(len(line) for line in text_of(report, width).splitlines()) <= width
