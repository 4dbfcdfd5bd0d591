"""`headrace up`: everything, supervised."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from pipeline.cli.output import EXIT_BAD, EXIT_UNREACHABLE, command, fail, say, show_json
from schemas.outcomes import Retry

__all__ = ["entry", "start_detached"]


@command("headrace up --detach")
@click.option("--detach", is_flag=True, help="Return when everything is ready; stop it with headrace down.")
def entry(detach: bool, as_json: bool, config: Path | None) -> None:
    """Start all hops, and broker and ClickHouse where they are embedded; restart what crashes.

    Ctrl-C stops everything in order. With a configuration that names a broker, only the hops are started.
    """
    from pipeline.runfile import RunFile

    if RunFile.read() is not None:
        fail("something is running here already: see headrace status, or stop it with headrace down", EXIT_BAD)
    if detach:
        start_detached(config)
        found = RunFile.read()
        assert found is not None
        show_json(found) if as_json else say(f"running: broker {found.bootstrap}, ClickHouse {found.clickhouse_url}")
        return
    _stay(config)


def start_detached(config: Path | None) -> None:
    """Start a supervisor that outlives this process; return when it says that everything is ready."""
    from pipeline.runfile import RunFile, home

    home().mkdir(parents=True, exist_ok=True)
    log = home() / "up.log"
    words = [sys.executable, "-m", "pipeline.cli.main", "up"]
    if config is not None:
        words += ["--config", str(config)]
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
    while process.poll() is None:
        found = RunFile.read()
        if found is not None and found.ready and found.pid == process.pid:
            return
        time.sleep(0.1)
    fail(f"it did not start: {log.read_text().strip()[-600:]}", EXIT_UNREACHABLE)


def _stay(config: Path | None) -> None:
    from pipeline.configuration import load
    from pipeline.embedded.broker import LIMITS
    from pipeline.instance import Instance

    settings = load(config)
    if settings.broker.embedded:
        say(LIMITS)
    instance = Instance(settings, config, say)
    stopping: list[int] = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, _frame: stopping.append(number))
    try:
        instance.start()
        say(f"running as process {os.getpid()}; Ctrl-C stops everything")
        while not stopping:
            instance.tend()
            time.sleep(0.25)
    except RuntimeError as problem:
        fail(str(problem), EXIT_BAD)
    except Retry as problem:
        fail(problem.reason, EXIT_UNREACHABLE)
    finally:
        say("stopping")
        instance.stop()
