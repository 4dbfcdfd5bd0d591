"""`headrace import`: a file of past events."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.cli.output import EXIT_TIMEOUT, command, fail, say, show_json

__all__ = ["entry"]

_LINES = click.Choice(["access-log", "ndjson"])


@command("headrace import access.log.gz --format access-log --token demo --site https://example.com --wait")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=_LINES, required=True, help="What the lines are.")
@click.option("--token", required=True, help="The project's token.")
@click.option("--site", default="", help="Put before the paths of an access log, which names no site.")
@click.option("--rate", type=click.FloatRange(min=0), default=0.0, help="Lines a second; 0: as fast as it goes.")
@click.option("--wait", is_flag=True, help="Return when everything, rejections included, can be queried.")
@click.option("--within", "within_s", default=120.0, show_default=True, help="Seconds that --wait waits.")
def entry(file: Path, within_s: float, wait: bool, as_json: bool, config: Path | None, **plan: Any) -> None:
    """Import a file of past events, plain or gzip.

    A line that cannot be read is sent as it is and ends up in rejected_events, with its number. The uuid of an
    access log's event is made of the line, so importing the same file again adds nothing.
    """
    from pipeline.arrival import Arrival
    from pipeline.configuration import load
    from pipeline.importer import ImportPlan, lines_of, send

    settings = load(config)
    sent = send(settings, ImportPlan(**plan), lines_of(file), _counter(as_json))
    if wait:
        arrival = Arrival(settings)
        pending = arrival.wait(sent.ends, within_s)
        arrival.close()
        if pending:
            fail(f"after {within_s:.0f} s {pending}; headrace status shows whether it moves", EXIT_TIMEOUT)
    if as_json:
        show_json({"lines": sent.lines, "unparsable": sent.unparsable, "queryable": wait})
        return
    end = "all can be queried now" if wait else "headrace status shows how far they are"
    say(f"sent {sent.lines:,} lines, {sent.unparsable:,} of them unparsable; {end}")


def _counter(silent: bool) -> Callable[[int], None]:
    """Says on a terminal how many lines were sent so far."""
    stream = click.get_text_stream("stderr")
    if silent or not stream.isatty():
        return lambda count: None
    return lambda count: click.echo(f"\r{count:,} lines sent ", file=stream, nl=False)
