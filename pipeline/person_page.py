"""A person on a page: who, what is known, recent visits. Pure."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.person_report import SHOWN_MAX, told_moment
from pipeline.readable import readable

__all__ = ["Profile", "Visit", "profile_page"]


class Visit(msgspec.Struct, frozen=True):
    """A visit as sessions_current has it."""

    session_id: str
    start: datetime
    end: datetime
    duration_s: int
    events: int
    pageviews: int
    entry_url: str
    distinct_id: str


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A person as it stands in ClickHouse."""

    project: int
    id: str
    """What was asked for."""
    person_id: str
    stored: bool
    """Whether there is such a person in persons_current."""
    identified: bool = False
    created_at: datetime | None = None
    properties: msgspec.Raw = msgspec.Raw(b"{}")
    distinct_ids: list[str] = []
    visits: list[Visit] = []
    note: str = ""


def profile_page(profile: Profile) -> RenderableType:
    """A person on a page: who, properties, distinct ids, recent visits."""
    head = Text(f"person {profile.person_id}", "bold cyan")
    head.append(", identified" if profile.identified else "", "cyan")
    parts: list[RenderableType] = [head]
    if profile.created_at is not None:
        parts.append(Text(f"since {told_moment(profile.created_at)}"))
    if profile.note:
        parts.append(Text(profile.note))
    if profile.distinct_ids:
        more = len(profile.distinct_ids) - SHOWN_MAX
        names = ", ".join(map(readable, profile.distinct_ids[:SHOWN_MAX])) + (
            f" … and {more:,} more" if more > 0 else ""
        )
        parts += [Text("\ndistinct ids", "bold"), Text(f"  {names}")]
    values = msgspec.json.decode(profile.properties, type=dict[str, msgspec.Raw])
    if values:
        parts += [
            Text("\nproperties", "bold"),
            _rows([(f"  {readable(name)}", _short(values[name])) for name in values]),
        ]
    if profile.visits:
        parts += [Text("\nrecent visits", "bold"), _visits(profile.visits)]
    return Group(*parts)


def _visits(visits: Iterable[Visit]) -> Text:
    """Two lines each, no table: an id that is cut short cannot be asked for."""
    lines = []
    for visit in visits:
        counts = f"{visit.duration_s:,} s, events {visit.events:,}, page views {visit.pageviews:,}"
        lines.append(f"  {told_moment(visit.start)}  {counts}, as {readable(visit.distinct_id)}")
        lines.append(f"    {readable(visit.session_id)}  {readable(visit.entry_url)}".rstrip())
    return Text("\n".join(lines))


def _rows(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _short(value: msgspec.Raw) -> str:
    text = readable(bytes(value).decode())
    return text if len(text) <= 200 else f"{text[:200]}…"
