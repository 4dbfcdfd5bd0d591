"""`headrace status`: what runs, how far each hop is, and what waits."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.output import EXIT_BAD, command, say, show_json

if TYPE_CHECKING:
    from pipeline.progress import HopProgress
    from pipeline.runfile import RunFile
    from pipeline.settings import Settings

__all__ = ["entry"]


@command("headrace status\n  headrace status --watch")
@click.option("--watch", is_flag=True, help="Go on showing it until Ctrl-C.")
def entry(watch: bool, as_json: bool, config: Path | None) -> None:
    """Show the processes of this folder, and per hop what it has read, how fast, and what waits before it.

    Exit code 1 when a process is down or dies again and again, or when nothing runs here and no configuration names a
    broker.
    """
    from pipeline.configuration import load
    from pipeline.runfile import RunFile

    settings = load(config)
    running = RunFile.read()
    if running is None and not settings.broker.bootstrap:
        show_json({"running": False}) if as_json else say("nothing is running here; headrace up starts it")
        raise SystemExit(EXIT_BAD)
    if watch and not as_json:
        _watch(settings, running)
        return
    hops = _hops(settings)
    if as_json:
        show_json({"running": running is not None, "processes": _processes(running), "hops": hops})
    else:
        _show(running, hops)
    if not all(process["state"] == "running" for process in _processes(running).values()):
        raise SystemExit(EXIT_BAD)


def _processes(running: "RunFile | None") -> dict[str, dict[str, Any]]:
    """Each process with its id, its state and its uptime in seconds."""
    from pipeline.runfile import Child, uptime_s

    if running is None:
        return {}
    found = {"up": Child(running.pid, running.started), **running.children}
    return {
        name: {
            "pid": child.pid,
            "state": "crash loop" if child.looping else "running" if child.alive else "down",
            "failures": child.failures,
            "uptime_s": uptime_s(child) if child.alive else 0,
        }
        for name, child in found.items()
    }


def _hops(settings: "Settings") -> "list[HopProgress]":
    """The hops, looked at twice, so that there is a rate."""
    from pipeline.watching import Watch

    watch = Watch(settings)
    try:
        watch.look(0.0)
        return watch.look(1.0)
    finally:
        watch.close()


def _show(running: "RunFile | None", hops: "list[HopProgress]") -> None:
    from rich.console import Console
    from rich.table import Table

    from pipeline.progress import progress_table

    console = Console()
    if running is not None:
        say(f"broker {running.bootstrap}, ClickHouse {running.clickhouse_url}, log epoch {running.log_epoch}\n")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("process", "id", "state", "up", "deaths in a row"):
            table.add_column(name, justify="left" if name in ("process", "state") else "right")
        for name, process in _processes(running).items():
            color = "green" if process["state"] == "running" else "bold red"
            minutes, seconds = divmod(process["uptime_s"], 60)
            up = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
            state = f"[{color}]{process['state']}[/{color}]"
            table.add_row(name, str(process["pid"] or "-"), state, up, str(process["failures"]))
        console.print(table)
        say("")
    console.print(progress_table(hops))


def _watch(settings: "Settings", running: "RunFile | None") -> None:
    from rich.live import Live

    from pipeline.progress import progress_table
    from pipeline.watching import Watch

    if running is not None:
        say(f"broker {running.bootstrap}, ClickHouse {running.clickhouse_url}")
    watch = Watch(settings)
    try:
        with Live(auto_refresh=False) as live:
            while True:
                live.update(progress_table(watch.look(0.5)), refresh=True)
                time.sleep(0.1)
    except KeyboardInterrupt:
        say("")
    finally:
        watch.close()
