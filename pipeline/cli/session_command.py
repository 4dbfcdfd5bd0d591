"""`headrace session`: show visits, or work them out again."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.output import EXIT_BAD, EXIT_USAGE, command, fail, say, show_json
from pipeline.cli.projects import known_project

if TYPE_CHECKING:
    from pipeline.session_rebuild import Rebuilt
    from pipeline.settings import Settings

__all__ = ["entry"]

_PERIOD_END = (1 << 63) - 1
_DATE = click.DateTime(["%Y-%m-%d"])


@click.group(
    epilog="\b\nExample:\n  headrace session show --distinct-id ada --json\n"
    "  headrace session rebuild --project 1 --from 2024-01-01 --to 2024-02-01 --dry-run"
)
def entry() -> None:
    """Show visits as they are known now, or work them out again from the events in ClickHouse."""


@command(
    "headrace session show 7e2d1c9a-53a4-5b0e-9c0f-0a6a0a9b7d11\n  headrace session show --distinct-id ada --json",
    name="show",
)
@click.argument("session_id", required=False)
@click.option("--distinct-id", help="List the visits of this distinct id instead, the newest first.")
@click.option("--project", type=int, help="Only of this project, by its id in the configuration.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Visits of a distinct id at most."
)
def show(
    session_id: str | None, distinct_id: str | None, project: int | None, limit: int, as_json: bool, config: Path | None
) -> None:
    """Show a visit: who, when, how many events, where it began and ended.

    A visit that has become part of another is shown as that one. Exit code 1 when there is none.
    """
    from destinations.clickhouse.connect import new_client
    from pipeline.configuration import connected
    from pipeline.readable import readable
    from pipeline.session_look import listed, looked_up, why_none

    if (session_id is None) == (distinct_id is None):
        raise click.UsageError("Give a SESSION_ID or --distinct-id ID.")
    settings = connected(config)
    if project is not None:
        known_project(settings, project)
    client = new_client(settings.clickhouse)
    try:
        if distinct_id is not None:
            found = listed(client, [distinct_id], project, limit)
            missing = "" if found else why_none(client, distinct_id, project)
        else:
            found = looked_up(client, session_id or "", project)
            missing = (
                f"no visit {session_id} has arrived: headrace status shows what is on its way, and headrace session "
                "show --distinct-id ID lists the visits of a distinct id"
            )
    finally:
        client.close()
    if not found:
        fail(readable(missing), EXIT_BAD)
    if as_json:
        show_json({"sessions": found})
    elif session_id is not None:
        _details(session_id, found)
    else:
        _table(found)


@command("headrace session rebuild --project 1 --from 2024-01-01 --to 2024-02-01 --dry-run", name="rebuild")
@click.option("--project", type=int, required=True, help="Whose visits, by its id in the configuration.")
@click.option("--from", "since", type=_DATE, help="The first day, UTC (default: that of the first event).")
@click.option("--to", "until", type=_DATE, help="The day after the last one, UTC (default: to the end).")
@click.option("--dry-run", is_flag=True, help="Only say what would be corrected.")
@click.option("--yes", is_flag=True, help="Correct it without counting first, and without asking.")
def rebuild_command(
    project: int,
    since: datetime | None,
    until: datetime | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Work out the visits of a period again from all events in ClickHouse: after an import of history.

    Events further behind than sessions.lateness_s have no visit when they arrive; here they get one. Visits that
    senders named are left alone, and visits that reach beyond the period are taken whole. They appear, grow and join,
    and never come apart: what a sessions.gap_s that is too large has joined stays joined. So it says with which gap and
    how many it would correct, and asks. Running it again changes nothing. While new events arrive, a late one may part
    what was joined within the last sessions.lateness_s: run it again.
    """
    from pipeline.configuration import connected

    if since is not None and until is not None and since >= until:
        raise click.UsageError("The period is empty: --to is the day after the last one.")
    if yes and dry_run:
        raise click.UsageError("--dry-run changes nothing and does not ask: leave out --yes.")
    if as_json and not yes and not dry_run:
        fail("with --json nobody can be asked: look with --dry-run, then say --yes", EXIT_USAGE)
    settings = connected(config)
    known_project(settings, project)
    if not yes and not dry_run and not sys.stdin.isatty():
        fail("there is no terminal to ask on: look with --dry-run, then say --yes", EXIT_USAGE)
    rebuild = _Rebuild(settings, project, _micros(since, -_PERIOD_END), _micros(until, _PERIOD_END), as_json)
    if not yes:
        found = rebuild.run(dry_run=True)
        if dry_run or not _changes(found):
            return
        click.confirm("Correct it? Visits that are joined never come apart.", abort=True)
    rebuild.run(dry_run=False)


class _Rebuild:
    """The visits of a period, counted or corrected, and what is said of it."""

    def __init__(self, settings: "Settings", project: int, since: int, until: int, as_json: bool) -> None:
        self._settings = settings
        self._bounds = (project, since, until)
        self._as_json = as_json

    def run(self, dry_run: bool) -> "Rebuilt":
        from destinations.clickhouse.connect import new_client
        from pipeline.session_rebuild import Period, rebuild

        client = new_client(self._settings.clickhouse)
        try:
            rules = self._settings.sessions
            done = rebuild(client, Period(*self._bounds), rules, dry_run, _progress(self._as_json))
        finally:
            client.close()
        if self._as_json:
            show_json({"dry_run": dry_run, "gap_s": rules.gap_s, "rebuilt": done})
        elif not done.events:
            say(f"project {self._bounds[0]} has no events in this period whose visits are derived: nothing to rebuild")
        else:
            say("\n".join(_told(done, rules.gap_s, dry_run)))
        return done


def _changes(done: "Rebuilt") -> bool:
    return bool(done.stamped or done.begun or done.joined)


def _told(done: "Rebuilt", gap_s: int, dry_run: bool) -> list[str]:
    corrected = "would get" if dry_run else "got"
    told = [
        f"looked at {done.events:,} events in {done.visits:,} visits, which a pause of over {gap_s:,} s ends "
        "(sessions.gap_s)",
        f"{done.stamped:>12,} events had no visit and {corrected} one",
        f"{done.begun:>12,} visits were not known",
        f"{done.joined:>12,} visits are part of another",
    ]
    return told if _changes(done) else [told[0], "all is as it should be: nothing to correct"]


def _micros(day: datetime | None, otherwise: int) -> int:
    return otherwise if day is None else int(day.replace(tzinfo=UTC).timestamp()) * 1_000_000


def _progress(silent: bool) -> "Callable[[int, int, Rebuilt], None]":
    """Says on a terminal how far it is."""
    stream = click.get_text_stream("stderr")
    if silent or not stream.isatty():
        return lambda pieces, of, done: None

    def say_how_far(pieces: int, of: int, done: "Rebuilt") -> None:
        click.echo(
            f"\r{pieces / of:4.0%}: {done.events:,} events, {done.visits:,} visits ", file=stream, nl=pieces == of
        )

    return say_how_far


def _details(asked: str, found: list[dict[str, Any]]) -> None:
    from pipeline.readable import readable

    for visit in found:
        if visit["session_id"] != asked:
            say(f"{readable(asked)} has become part of another visit:")
        kind = "named by its sender" if visit["given"] else "derived from the times of its events"
        long = ", over a day long" if visit["long"] else ""
        bounce = ", a bounce" if visit["bounce"] else ""
        others = [name for name in visit["distinct_ids"] if name != visit["distinct_id"]]
        lines = {
            "visit": f"{visit['session_id']} ({kind}, project {visit['project']})",
            "distinct id": ", ".join([visit["distinct_id"], *others]),
            "person": str(visit["person_id"]),
            "from": visit["start"],
            "to": f"{visit['end']} ({visit['duration_s']:,} s{long})",
            "events": f"{visit['events']:,}, page views {visit['pageviews']:,}{bounce}",
            "entry page": visit["entry_url"],
            "exit page": visit["exit_url"],
            "referrer": visit["referrer"],
            "campaign": visit["campaign"],
        }
        say("\n".join(f"{name:>12}  {readable(text) or '-'}" for name, text in lines.items()))


def _table(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pipeline.readable import readable

    columns = ("project", "session_id", "start", "duration_s", "events", "pageviews", "entry_url", "exit_url")
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for visit in found:
        cells = [f"{value:,}" if type(value) is int else str(value) for value in map(visit.get, columns)]
        # As text: what looks like markup in an address is part of it.
        table.add_row(*[Text(readable(cell)) for cell in cells])
    console = Console()
    # Ids that are cut short cannot be asked for; in a file or a pipe there is no width to keep to.
    Console(width=console.width if console.is_terminal else 200).print(table)


entry.add_command(show)
entry.add_command(rebuild_command)
