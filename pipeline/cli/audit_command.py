"""`headrace audit`: is every event accounted for?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import EXIT_BAD, command, say, show_json

if TYPE_CHECKING:
    from pipeline.audit import AuditReport

__all__ = ["entry", "show"]

_REMARKS = {
    "redelivered": "rows that travelled twice: the embedded broker shows what a crashed worker wrote",
    "expired": "offsets of events.raw that retention removed before they were read",
    "vanished": "rows that nobody had read when their topic was deleted",
    "unverifiable": "positions that are not in ClickHouse and older than the log",
}


@command("headrace audit --wait 30")
@click.option("--wait", "wait_s", default=0.0, help="Seconds to wait for pending events to go through first.")
@click.option("--deep", is_flag=True, help="Count events.raw again wherever an offset is not a counted record.")
def entry(wait_s: float, deep: bool, as_json: bool, config: Path | None) -> None:
    """Compare what every hop moved with what the next one read, the logs hold and ClickHouse has.

    Exit code 1 when anything is unaccounted for.
    """
    from pipeline.configuration import connected
    from pipeline.evidence import run_audit

    report = run_audit(connected(config), wait_s, deep)
    show_json(report) if as_json else show(report)
    if report.unaccounted:
        raise SystemExit(EXIT_BAD)


def show(report: "AuditReport") -> None:
    """The report for people."""
    from rich.console import Console
    from rich.table import Table

    columns = ("hop", "topic", "read", "moved", "applied", "rejected", "dropped", "waiting")
    table = Table(*columns, title="Accounts", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for line in report.hops:
        table.add_row(*[f"{value:,}" if isinstance(value, int) else value for value in map(line.get, columns)])
    console = Console()
    # Names that are cut short say nothing; in a file or a pipe there is no width to keep to.
    Console(width=console.width if console.is_terminal else 120).print(table)
    names = ("accepted", "delivered", "duplicates", "filtered", "dropped", "rejected", "pending", "unaccounted")
    for name in names:
        say(f"{name:>12} {getattr(report, name):>12,}{_codes(report) if name == 'rejected' else ''}")
    for name, remark in _REMARKS.items():
        if count := getattr(report, name):
            say(f"{name:>12} {count:>12,}  ({remark})")
    if report.facts_pending:
        say(f"{'facts':>12} {report.facts_pending:>12,}  (of people and visits, still to be read)")
    for closed in report.closed_logs:
        unread = f", {closed.vanished:,} unread" if closed.vanished else ""
        say(f"closed: {closed.reader} read {closed.rows:,} rows of {closed.topic} (log {closed.log[:8]}){unread}")
    for note in report.notes:
        say(f"note: {note}")
    for problem in report.problems:
        say(f"unaccounted: {problem}")


def _codes(report: "AuditReport") -> str:
    found = sorted(report.rejected_by_code.items(), key=lambda pair: -pair[1])
    return f"  ({', '.join(f'{code} {rows:,}' for code, rows in found)})" if found else ""
