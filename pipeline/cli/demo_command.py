"""`headrace demo`: everything, on a real access log, with a report and the proof that nothing was lost."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import EXIT_BAD, EXIT_TIMEOUT, EXIT_USAGE, command, fail, say, show_json

if TYPE_CHECKING:
    from pipeline.audit import AuditReport
    from pipeline.demo.people import Played
    from pipeline.importer import Imported, ImportPlan
    from pipeline.settings import Settings

__all__ = ["entry"]

SAMPLE = Path(__file__).parents[2] / "examples" / "data" / "weblog-2015-05.log.gz"
CONFIGURATION = Path(__file__).parents[2] / "examples" / "demo.yaml"
SITE = "http://semicomplete.com"
QUERYABLE_WITHIN_S = 60.0
AUDITED_WITHIN_S = 60.0
"""A second or two where nothing else runs; a machine that is busy otherwise is no reason for bad news."""
_GO_ON = """
How to go on:
  headrace sql "SELECT event, count() FROM events_resolved GROUP BY event"
  headrace tap events.prepared
  echo '{{"token":"{token}","event":"signed up","distinct_id":"ada"}}' | headrace produce
  headrace status --watch
"""


@command("headrace demo\n  headrace demo --stop")
@click.option("--stop", is_flag=True, help="Stop everything at the end; otherwise it goes on running.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=SAMPLE,
    help="Another access log, plain or gzip.",
)
@click.option("--site", default=SITE, show_default=True, help="Put before the paths of the log.")
@click.option("--yes", is_flag=True, help="Do not ask, whatever is there already.")
def entry(stop: bool, file: Path, site: str, yes: bool, as_json: bool, config: Path | None) -> None:
    """Start everything, import a real access log, merge some people, show what all says, and audit it.

    Where there are events other than its own already, it asks: what it sends stays, invented people among it.

    Exit code 0 only if every event is accounted for, and people and visits are those of a batch computation.
    """
    from pipeline.cli.down_command import stop_running
    from pipeline.cli.up_command import start_detached
    from pipeline.configuration import load
    from pipeline.runfile import RunFile

    started_s = time.monotonic()
    tell = (lambda _: None) if as_json else say
    started = RunFile.read() is None
    config = config or _own_configuration()
    if started:
        tell("Starting the broker, ClickHouse and the hops …")
        start_detached(config, silent=as_json)
    else:
        tell("Using what is running here already.")
    settings = load(config)
    if not yes:
        try:
            _ask(settings, site, as_json)
        except BaseException:
            if started:
                stop_running(60)
            raise
    try:
        report, played, wrong = _play(settings, file, site, tell)
        passed_s = time.monotonic() - started_s
        if as_json:
            found = {"acts": played.acts, "differences": wrong}
            show_json({"seconds": round(passed_s, 1), "people": found, "audit": report})
        else:
            say(f"\nThe whole took {passed_s:.0f} s.")
    finally:
        if stop:
            stop_running(60)
    if not as_json and not stop:
        say(_GO_ON.format(token=_token(settings)))
        say("Everything goes on running. headrace down stops it; its data stay in .headrace.")
    if report.unaccounted or report.pending or wrong:
        raise SystemExit(EXIT_BAD)


def _own_configuration() -> Path | None:
    """The demo's, unless there is one in this folder or in the environment."""
    from pipeline.configuration import DEFAULT_NAME

    return None if Path(DEFAULT_NAME).exists() or os.environ.get("HEADRACE_CONFIG") else CONFIGURATION


def _ask(settings: "Settings", site: str, as_json: bool) -> None:
    """Go on only if nobody else's events are there, or whoever they belong to says so."""
    from pipeline.demo.guest import COUNTED_MAX, others_events

    count = others_events(settings, _token(settings), site)
    if not count:
        return
    found = f"{COUNTED_MAX:,} or more" if count == COUNTED_MAX else f"{count:,}"
    told = f"events that are not the demo's are here already ({found}), and what it sends would stay beside them"
    if as_json or not sys.stdin.isatty():
        fail(f"{told}: say --yes if that is well, or run it in a folder of its own", EXIT_USAGE)
    say(f"{told[0].upper()}{told[1:]}: a log's requests, and twelve invented people of whom one is split.")
    click.confirm("Go on?", abort=True)


def _play(
    settings: "Settings", file: Path, site: str, tell: Callable[[str], None]
) -> "tuple[AuditReport, Played, list[str]]":
    """Import, report; visitors, report; audit. The list is what differs from the batch answer."""
    from rich.console import Console

    from pipeline.cli.audit_command import show
    from pipeline.demo.people import check_addresses, play
    from pipeline.demo.scenes import scenes
    from pipeline.evidence import run_audit
    from pipeline.report import render
    from pipeline.report_queries import ask

    tell(f"Importing {file.name} …\n")
    silent = tell is not say
    sent = _import(settings, file, site, silent)
    tell(f"\n{sent.lines:,} lines sent, {sent.unparsable:,} of them unparsable; all can be queried.\n")
    if not silent:
        console = Console()
        console.print(render(ask(settings), console.width))
    tell("\nPeople and visits:\n")
    played = play(settings, _token(settings), tell)
    wrong = [*check_addresses(settings, _token(settings)), *played.differences]
    if not silent:
        console.print(scenes(played, wrong))
    tell("\nThe audit: is every event accounted for?\n")
    report = run_audit(settings, wait_s=AUDITED_WITHIN_S)
    if not silent:
        show(report)
    return report, played, wrong


def _import(settings: "Settings", file: Path, site: str, silent: bool) -> "Imported":
    """Import the file and wait until it is queryable, with the hops' progress on the screen meanwhile."""
    from rich.console import Console
    from rich.live import Live

    from pipeline.importer import ImportPlan
    from pipeline.progress import progress_table
    from pipeline.watching import Watch

    plan = ImportPlan(form="access-log", token=_token(settings), site=site)
    job = _Job(settings, plan, file)
    watch = Watch(settings)
    try:
        job.start()
        with Live(console=Console(quiet=silent), auto_refresh=False) as live:
            while job.is_alive():
                live.update(progress_table(watch.look(0.3)), refresh=True)
            live.update(progress_table(watch.look(0.1)), refresh=True)
    finally:
        watch.close()
    return job.result()


class _Job(threading.Thread):
    """The import, beside the thread that draws."""

    def __init__(self, settings: "Settings", plan: "ImportPlan", file: Path) -> None:
        super().__init__(name="import", daemon=True)
        self._settings = settings
        self._plan = plan
        self._file = file
        self._sent: Imported | None = None
        self._pending = ""
        self._problem: BaseException | None = None

    def run(self) -> None:
        from pipeline.arrival import Arrival
        from pipeline.importer import lines_of, send

        try:
            self._sent = send(self._settings, self._plan, lines_of(self._file), lambda _: None)
            arrival = Arrival(self._settings)
            self._pending = arrival.wait(self._sent.ends, QUERYABLE_WITHIN_S)
            arrival.close()
        except BaseException as problem:  # raised again by `result`, in the thread that can report it
            self._problem = problem
            raise

    def result(self) -> "Imported":
        """What was sent; ends the command when not all of it can be queried."""
        if self._problem is not None:
            raise self._problem
        if self._pending:
            fail(f"after {QUERYABLE_WITHIN_S:.0f} s {self._pending}; see headrace status", EXIT_TIMEOUT)
        assert self._sent is not None
        return self._sent


def _token(settings: "Settings") -> str:
    from schemas.outcomes import ConfigError

    for project in settings.projects:
        if project.tokens:
            return project.tokens[0]
    raise ConfigError("no project has a token; the demo needs one", "projects")
