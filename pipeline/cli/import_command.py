"""`headrace import`: a file of past events."""

from pathlib import Path

import click

from pipeline.cli.output import EXIT_TIMEOUT, command, fail, say, show_json

__all__ = ["entry"]


@command("headrace import access.log.gz --format access-log --token demo --wait")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["access-log", "ndjson"]), required=True, help="What the lines are."
)
@click.option("--token", required=True, help="The project's token.")
@click.option("--site", default="", help="Put before the path of an access log, which does not name it.")
@click.option("--rate", default=0.0, help="At most so many lines a second; 0 is as fast as it goes.")
@click.option("--wait", is_flag=True, help="Return when everything, rejections included, can be queried.")
@click.option("--within", "within_s", default=120.0, show_default=True, help="Seconds that --wait waits.")
def entry(
    file: Path,
    form: str,
    token: str,
    site: str,
    rate: float,
    wait: bool,
    within_s: float,
    as_json: bool,
    config: Path | None,
) -> None:
    """Import a file of past events, plain or gzip. Importing it again changes nothing."""
    from pipeline.configuration import load
    from pipeline.importer import lines_of, send, wait_until_queryable

    settings = load(config)
    sent = send(settings, lines_of(file), form=form, token=token, site=site, rate=rate, progress=lambda _: None)
    if wait and not wait_until_queryable(settings, sent, within_s, lambda text: click.echo(text, err=True)):
        fail("not everything can be queried yet; headrace status shows where it waits", EXIT_TIMEOUT)
    if as_json:
        show_json({"lines": sent.lines, "unparsable": sent.unparsable, "queryable": wait})
    else:
        say(f"sent {sent.lines} lines, {sent.unparsable} of them unparsable" + ("; all can be queried" if wait else ""))
