"""`headrace down`: stop what runs here."""

import os
import signal
import time
from pathlib import Path

import click

from pipeline.cli.output import EXIT_TIMEOUT, command, fail, say, show_json

__all__ = ["entry", "stop_running"]


@command("headrace down")
@click.option("--within", "within_s", default=60.0, help="Seconds to wait for the end.", show_default=True)
def entry(within_s: float, as_json: bool, config: Path | None) -> None:
    """Stop what `headrace up --detach` started in this folder. Only that: the run file names the process."""
    stopped = stop_running(within_s)
    if as_json:
        show_json({"stopped": stopped})
    else:
        say("stopped" if stopped else "nothing is running here")


def stop_running(within_s: float) -> bool:
    """Stop the supervisor, which stops its children. False when nothing was running."""
    from pipeline.runfile import RunFile, started_at

    found = RunFile.read()
    if found is None:
        return False
    os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + within_s
    while started_at(found.pid) == found.started:
        if time.monotonic() > deadline:
            fail(
                f"process {found.pid} has not ended after {within_s:.0f} s; see .headrace/up.log",
                EXIT_TIMEOUT,
            )
        time.sleep(0.1)
    return True
