"""`headrace tap`: watch a topic, decoded."""

from pathlib import Path
from typing import Any

import click

from pipeline.cli.output import EXIT_BAD, EXIT_USAGE, command, fail, reader_gone

__all__ = ["entry"]

TOPICS = ("events.raw", "events.accepted", "events.prepared", "events.rejected", "accounts")


@command(
    "headrace tap events.prepared --distinct-id ada\n  headrace tap events.rejected --from-beginning --json | jq .code"
)
@click.argument("topic", type=click.Choice(TOPICS), metavar="TOPIC")
@click.option("--project", type=int, help="Only this project's.")
@click.option("--distinct-id", help="Only this distinct id's.")
@click.option("--event", help="Only events of this name.")
@click.option("--from-beginning", is_flag=True, help="What the log holds, then what comes.")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="End after so many; 0 goes on until Ctrl-C.")
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
    """Print what passes through a topic, decoded, one line each; nothing is consumed, no group is joined.

    TOPIC is events.raw (as accept will understand it), events.accepted, events.prepared, events.rejected or accounts.
    """
    import msgspec

    from pipeline.configuration import connected
    from pipeline.consumer import LogChanged
    from pipeline.tapping import tap

    wanted = {"project": project, "distinct_id": distinct_id, "event": event}
    filters = {name: value for name, value in wanted.items() if value is not None}
    useless = [name for name in filters if topic == "accounts" or (topic == "events.rejected" and name != "project")]
    if useless:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in useless)
        fail(f"{topic} cannot be filtered by {names}: leave it out", EXIT_USAGE)
    shown = 0
    settings = connected(config)
    try:
        for row in tap(settings, topic, from_beginning):
            if row is None:
                if reader_gone():
                    return
            elif all(row.get(name) == value for name, value in filters.items()):
                click.echo(msgspec.json.encode(row).decode() if as_json else _readable(row))
                shown += 1
                if shown == limit:
                    return
    except LogChanged as problem:
        fail(f"{problem}; start the command again", EXIT_BAD)
    except KeyboardInterrupt:
        return


def _readable(row: dict[str, Any]) -> str:
    """The place in dim, then the fields that say something to people; --json has all of them."""
    place = click.style(f"{row.pop('_partition')}:{row.pop('_offset')}:{row.pop('_row', 0)}", dim=True)
    said = [f"{name}={value}" for name, value in row.items() if _tells(name, value)]
    return f"{place}  " + "  ".join(said)


def _tells(name: str, value: Any) -> bool:
    return not name.startswith(("source_", "accepted_")) and value is not False and value not in ("", None, {}, [])
