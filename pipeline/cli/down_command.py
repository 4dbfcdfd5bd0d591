"""`headrace down`: stop what runs here."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import EXIT_TIMEOUT, command, fail, say, show_json

if TYPE_CHECKING:
    from pipeline.runfile import Child

__all__ = ["entry", "stop_running"]


@command("headrace down")
@click.option("--within", "within_s", default=60.0, help="Seconds to wait for the end.", show_default=True)
def entry(within_s: float, as_json: bool, config: Path | None) -> None:
    """Stop what `headrace up --detach` started in this folder, and only that.

    The run file names each process by its id and the moment it started; an id that belongs to another process by now
    is left alone.
    """
    stopped = stop_running(within_s)
    if as_json:
        show_json({"stopped": stopped})
    else:
        say("stopped" if stopped else "nothing is running here")


def stop_running(within_s: float) -> bool:
    """Stop the supervisor, which stops its children. False when nothing was running."""
    from pipeline.runfile import Child, RunFile

    found = RunFile.left_behind()
    if found is None:
        return False
    supervisor = Child(found.pid, found.started)
    children = [child for child in found.children.values() if child.alive]
    was_running = supervisor.alive or bool(children)
    if supervisor.alive:
        os.kill(supervisor.pid, signal.SIGTERM)
    else:  # killed: its children should have died with it; whoever did not is stopped here
        for child in children:
            os.kill(child.pid, signal.SIGTERM)
    _wait_for([supervisor, *children], within_s)
    RunFile.path().unlink(missing_ok=True)
    return was_running


def _wait_for(processes: "Sequence[Child]", within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while left := [process.pid for process in processes if process.alive]:
        if time.monotonic() > deadline:
            fail(f"processes {left} have not ended after {within_s:.0f} s; see .headrace/logs", EXIT_TIMEOUT)
        time.sleep(0.05)
