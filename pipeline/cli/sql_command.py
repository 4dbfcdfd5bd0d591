"""`headrace sql`: ask ClickHouse."""

import shutil
from pathlib import Path
from typing import Any

import click

from pipeline.cli.output import EXIT_BAD, command, fail, say

__all__ = ["entry"]


@command(
    """headrace sql "SELECT event, count() FROM events_resolved GROUP BY event"
  headrace sql "SELECT * FROM events_resolved" --format Parquet > events.parquet
  headrace sql - < report.sql"""
)
@click.argument("query")
@click.option("--format", "wanted", help="Any ClickHouse format, passed on byte by byte: CSV, Vertical, Parquet, …")
def entry(query: str, wanted: str | None, as_json: bool, config: Path | None) -> None:
    """Run a statement in ClickHouse and print the result; `-` takes the statement from standard input.

    Exit code 1 when ClickHouse refuses the statement, 3 when it does not answer.
    """
    from destinations.clickhouse.connect import new_client
    from pipeline.configuration import connected

    client = new_client(connected(config).clickhouse)
    statement = click.get_text_stream("stdin").read() if query == "-" else query
    try:
        if wanted or as_json:
            _pass_on(client, statement, wanted or "JSON")
        else:
            _show_table(client.query(statement))
    finally:
        client.close()


def _pass_on(client: Any, statement: str, wanted: str) -> None:
    """The answer as ClickHouse writes it, never held whole."""
    from urllib3.exceptions import HTTPError

    out = click.get_binary_stream("stdout")
    try:
        with client.raw_stream(statement, fmt=wanted) as answer:
            shutil.copyfileobj(answer, out)
    except HTTPError as problem:
        fail(f"the answer broke off, what was printed is not all of it: {problem}", EXIT_BAD)
    out.flush()


def _show_table(result: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    if not any(result.column_names):  # DDL, an insert, or a query that found nothing
        say("done: no rows")
        return
    table = Table(*result.column_names)
    for row in result.result_rows:
        table.add_row(*[str(value) for value in row])
    Console().print(table)
    say(f"{len(result.result_rows)} rows")
