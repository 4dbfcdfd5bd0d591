"""`headrace run`: one worker of one hop."""

from pathlib import Path

import click

from pipeline.cli.output import EXIT_USAGE, command, fail

__all__ = ["entry"]


@command("headrace run accept --config headrace.yaml\n  headrace run deliver clickhouse")
@click.argument("hop", type=click.Choice(["accept", "resolve", "identify", "people", "deliver"]))
@click.argument("name", required=False)
def entry(hop: str, name: str | None, as_json: bool, config: Path | None) -> None:
    """Run one worker of a hop until it is told to stop (SIGTERM, Ctrl-C).

    Start as many as there are partitions to share. A worker that meets something unexpected ends with code 70
    without committing; whatever supervises it starts it again.
    """
    if (hop == "deliver") != (name is not None):
        fail("only run deliver takes a name: a destination's name", EXIT_USAGE)
    from pipeline.memory import keep_memory, spare_pandas

    keep_memory()
    spare_pandas()
    from pipeline.configuration import connected

    settings = connected(config)
    names = [destination.name for destination in settings.destinations]
    if name is not None and name not in names:
        fail(f"no destination is called {name!r}; configured are: {', '.join(names)}", EXIT_USAGE)
    from pipeline.app import run  # last: it costs a second

    run(settings, f"deliver-{name}" if name else hop, as_json=as_json)
