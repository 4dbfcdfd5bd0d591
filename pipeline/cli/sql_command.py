"""`headrace sql`: ask ClickHouse."""

from pathlib import Path
from typing import Any

import click

from pipeline.cli.output import EXIT_BAD, command, fail, say

__all__ = ["entry"]


@command("""headrace sql "SELECT event, count() FROM events_resolved GROUP BY event" """)
@click.argument("query")
@click.option("--format", "wanted", help="Any ClickHouse format, printed as it comes, e.g. CSV or Vertical.")
def entry(query: str, wanted: str | None, as_json: bool, config: Path | None) -> None:
    """Run a statement in ClickHouse and print the result."""
    from clickhouse_connect.driver.exceptions import DatabaseError

    from destinations.clickhouse.connect import new_client
    from pipeline.configuration import load

    client = new_client(load(config).clickhouse)
    try:
        if wanted or as_json:
            content = client.raw_query(query, fmt=wanted or "JSON")
            say(content.decode("utf-8", "replace").rstrip("\n"))
        else:
            _show_table(client.query(query))
    except DatabaseError as problem:
        fail(str(problem).split(" (for url")[0], EXIT_BAD)
    finally:
        client.close()


def _show_table(result: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*result.column_names)
    for row in result.result_rows:
        table.add_row(*[str(value) for value in row])
    Console().print(table)
    say(f"{len(result.result_rows)} rows")
