"""`headrace audit`: is every event accounted for?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import EXIT_BAD, command, say, show_json

if TYPE_CHECKING:
    from pipeline.audit import AuditReport

__all__ = ["entry", "show"]


@command("headrace audit --wait 30")
@click.option("--wait", "wait_s", default=0.0, help="Seconds to wait for pending events to go through first.")
def entry(wait_s: float, as_json: bool, config: Path | None) -> None:
    """Compare what every hop moved with what the next one read, the logs hold and ClickHouse has.

    Exit code 1 when anything is unaccounted for.
    """
    from pipeline.configuration import load
    from pipeline.evidence import run_audit

    report = run_audit(load(config), wait_s)
    show_json(report) if as_json else show(report)
    if report.unaccounted:
        raise SystemExit(EXIT_BAD)


def show(report: "AuditReport") -> None:
    """The report for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table("hop", "topic", "read", "moved", "rejected", "dropped", title="Accounts", title_justify="left")
    for line in report.hops:
        table.add_row(*[f"{value:,}" if isinstance(value, int) else value for value in line.values()])
    Console().print(table)
    names = ("accepted", "delivered", "duplicates", "filtered", "dropped", "rejected", "pending", "unaccounted")
    for name in names:
        say(f"{name:>12} {getattr(report, name):>12,}")
    if report.redelivered:
        say(f"{'redelivered':>12} {report.redelivered:>12,}  (the embedded broker shows what a crashed worker wrote)")
    if report.expired:
        say(f"{'expired':>12} {report.expired:>12,}  (offsets that retention removed before they were read)")
    for closed in report.closed_logs:
        say(f"closed: {closed.hop} read {closed.rows:,} rows of {closed.topic} (log {closed.log[:8]}), which is gone")
    for problem in report.problems:
        say(f"unaccounted: {problem}")
