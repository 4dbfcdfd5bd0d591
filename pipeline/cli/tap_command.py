"""`headrace tap`: watch a topic, decoded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pipeline.cli.output import EXIT_USAGE, command, fail

__all__ = ["entry"]

TOPICS = ("events.raw", "events.accepted", "events.prepared", "events.rejected", "accounts")


@command("headrace tap events.prepared --distinct-id ada")
@click.argument("topic", type=click.Choice(TOPICS))
@click.option("--project", type=int, help="Only this project's.")
@click.option("--distinct-id", help="Only this distinct id's.")
@click.option("--event", help="Only events of this name.")
@click.option("--from-beginning", is_flag=True, help="What the log holds, then what comes.")
@click.option("--limit", type=int, default=0, help="End after so many; 0 goes on until Ctrl-C.")
def entry(
    topic: str,
    project: int | None,
    distinct_id: str | None,
    event: str | None,
    from_beginning: bool,
    limit: int,
    as_json: bool,
    config: Path | None,
) -> None:
    """Print what passes through a topic, decoded, one line each; nothing is consumed, no group is joined."""
    import msgspec

    from pipeline.configuration import load
    from pipeline.tapping import tap

    settings = load(config)
    wanted = {"project": project, "distinct_id": distinct_id, "event": event}
    filters = {name: value for name, value in wanted.items() if value is not None}
    if filters and topic in ("accounts",):
        fail(f"{topic} holds no events: leave the filters out", EXIT_USAGE)
    shown = 0
    try:
        for row in _matching(tap(settings, topic, from_beginning), filters):
            click.echo(msgspec.json.encode(row).decode() if as_json else _readable(row))
            shown += 1
            if limit and shown >= limit:
                return
    except KeyboardInterrupt:
        return


def _matching(rows: Iterator[dict[str, Any]], filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (row for row in rows if all(row.get(name) == value for name, value in filters.items()))


def _readable(row: dict[str, Any]) -> str:
    """The place in dim, then the fields that say something."""
    place = click.style(f"{row.pop('_partition')}:{row.pop('_offset')}:{row.pop('_row', 0)}", dim=True)
    said = [f"{name}={value}" for name, value in row.items() if value not in ("", None, False, {}, [])]
    return f"{place}  " + "  ".join(said)
