"""What the events say, as charts for a terminal: pages, events per hour, people, rejections. Pure.

The numbers come from pipeline/report_queries.py.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

__all__ = ["render", "Report", "Hour", "Named", "Person", "Rejection", "bar", "columns", "fitted"]

CHART_ROWS = 6
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LEFT_EIGHTHS = " ▏▎▍▌▋▊▉█"


class Named(msgspec.Struct, frozen=True):
    """Something with a number of events."""

    name: str
    events: int


class Hour(msgspec.Struct, frozen=True):
    """Events within the hour that starts then; hours without any are present, with 0."""

    start: datetime
    events: int


class Person(msgspec.Struct, frozen=True):
    """A person by one of their distinct ids."""

    distinct_id: str
    events: int
    first: datetime
    last: datetime


class Rejection(msgspec.Struct, frozen=True):
    """Records rejected for one reason, with one message as an example."""

    code: str
    stage: str
    records: int
    message: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the report shows."""

    events: int
    people: int
    pages: list[Named]
    hours: list[Hour]
    statuses: list[Named]
    findings: list[tuple[str, list[Named]]] = []
    """What transformations found, under its title."""
    top_people: list[Person]
    rejections: list[Rejection]


def render(report: Report, width: int) -> RenderableType:
    """The report, for a terminal of so many columns."""
    if not report.events and not report.rejections:
        return Text("There are no events yet: headrace import or headrace produce sends some.")
    parts: list[RenderableType] = [_headline(report)]
    if report.hours:
        parts += [Rule(_hours_title(report.hours, width), align="left"), *_hours(report.hours, width)]
    if report.pages:
        parts += [Rule("Top pages", align="left"), _bars(report.pages, width, "cyan")]
    if report.statuses:
        parts += [Rule("Answers", align="left"), _bars(report.statuses, width, "magenta")]
    for title, found in report.findings:
        if found:
            parts += [Rule(title, align="left"), _bars(found, width, "green")]
    if report.top_people:
        parts += [Rule(f"People: {report.people:,}, the busiest", align="left"), _people(report.top_people)]
    rejected = sum(found.records for found in report.rejections)
    parts += [Rule(f"Rejected: {rejected:,}", align="left"), _rejections(report.rejections)]
    return Group(*parts)


def bar(part: float, whole: float, width: int) -> str:
    """A horizontal bar, to an eighth of a character; anything above zero shows."""
    if whole <= 0 or part <= 0:
        return ""
    eighths = max(1, round(min(1.0, part / whole) * width * 8))
    full, rest = divmod(eighths, 8)
    return "█" * full + (_LEFT_EIGHTHS[rest] if rest else "")


def columns(values: Sequence[float], rows: int) -> list[str]:
    """Vertical bars side by side, one character wide, as lines from the top; anything above zero shows."""
    top = max(values, default=0)
    heights = [max(1, round(value / top * rows * 8)) if value > 0 else 0 for value in values]
    return [
        "".join(_EIGHTHS[min(8, max(0, height - row * 8))] for height in heights).rstrip()
        for row in reversed(range(rows))
    ]


def fitted(hours: Sequence[Hour], width: int) -> tuple[int, list[int]]:
    """Hours per column so that all fit, and the sums."""
    per_column = max(1, -(-len(hours) // max(1, width)))
    counts = [hour.events for hour in hours]
    return per_column, [sum(counts[start : start + per_column]) for start in range(0, len(counts), per_column)]


def _headline(report: Report) -> Text:
    text = Text()
    text.append(f"{report.events:,}", "bold green").append(" events of ")
    text.append(f"{report.people:,}", "bold green").append(" people")
    if report.hours:
        first, last = report.hours[0].start, report.hours[-1].start
        text.append(f", from {first:%d %B %Y %H:%M} to {last:%d %B %Y %H:%M} UTC")
    return text


def _hours_title(hours: Sequence[Hour], width: int) -> str:
    per_column, sums = fitted(hours, _chart_width(width))
    every = "hour" if per_column == 1 else f"{per_column} hours"
    return f"Events per {every}, at most {max(sums):,}"


def _hours(hours: Sequence[Hour], width: int) -> list[RenderableType]:
    per_column, sums = fitted(hours, _chart_width(width))
    wide = max(1, min(3, _chart_width(width) // len(sums)))
    bars = ["".join(letter * wide for letter in line) for line in columns(sums, CHART_ROWS)]
    days = _day_labels([hour.start for hour in hours[::per_column]], wide)
    return [*(Text(f"  {line}", "green") for line in bars), Text(f"  {days}", "dim")]


def _day_labels(starts: Sequence[datetime], wide: int) -> str:
    """Each day named under its first column, unless the day before still needs the room."""
    labels = ""
    for index, start in enumerate(starts):
        begins = index == 0 or starts[index - 1].date() != start.date()
        if begins and len(labels) < max(1, index * wide):
            labels = f"{labels:<{index * wide}}{start:%d %b}"
    return labels


def _chart_width(width: int) -> int:
    return max(10, width - 4)


def _bars(found: Sequence[Named], width: int, color: str) -> Table:
    names = min(max(len(item.name) for item in found), max(12, width // 2))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=names, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right")
    table.add_column()
    space = max(5, width - names - 14)
    top = max(item.events for item in found)
    for item in found:
        table.add_row(Text(item.name), f"{item.events:,}", Text(bar(item.events, top, space), color))
    return table


def _people(people: Sequence[Person]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, justify in (("distinct id", "left"), ("events", "right"), ("first", "left"), ("last", "left")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    for person in people:
        table.add_row(
            Text(person.distinct_id), f"{person.events:,}", f"{person.first:%d %b %H:%M}", f"{person.last:%d %b %H:%M}"
        )
    return table


def _rejections(rejections: Sequence[Rejection]) -> RenderableType:
    if not rejections:
        return Text("none")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("reason", "hop", "records", "for example"):
        table.add_column(name, justify="right" if name == "records" else "left")
    for found in rejections:
        table.add_row(Text(found.code, "red"), found.stage, f"{found.records:,}", Text(found.message))
    return table
