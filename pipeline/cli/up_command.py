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

    Topics and tables are created first. Data, logs and the run file are in ./.headrace (HEADRACE_HOME). Ctrl-C stops
    everything in order. With a configuration that names a broker and a ClickHouse, only the hops are started.
    """
    from pipeline.runfile import RunFile

    if RunFile.read() is not None:
        fail("something is running here already: see headrace status, or stop it with headrace down", EXIT_BAD)
    if not detach:
        _stay(config)
        return
    start_detached(config, silent=as_json)
    found = RunFile.read()
    assert found is not None
    if as_json:
        show_json(found)
        return
    say(f"running: broker {found.bootstrap}, ClickHouse {found.clickhouse_url}; stop it with headrace down")


def start_detached(config: Path | None, silent: bool = False) -> None:
    """Start a supervisor that outlives this process; return when it says that everything is ready."""
    from pipeline.runfile import RunFile, home
    from pipeline.supervisor import last_lines

    log = home() / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "pipeline.cli.main", "up"]
    if config is not None:
        words += ["--config", str(config)]
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
    while process.poll() is None:
        found = RunFile.read()
        if found is not None and found.ready and found.pid == process.pid:
            if not silent:
                _say_limits(log)
            return
        time.sleep(0.1)
    reasons = "\n".join(last_lines(log, 12))
    fail(f"it did not start; {log} says:\n{reasons}", process.returncode or EXIT_UNREACHABLE)


def _say_limits(log: Path) -> None:
    """What the embedded broker does not promise was said to the log; say it here, too."""
    from pipeline.embedded.broker import LIMITS

    if LIMITS in log.read_text():
        say(LIMITS)


def _stay(config: Path | None) -> None:
    from pipeline.configuration import load
    from pipeline.embedded.broker import LIMITS
    from pipeline.instance import Instance, Stopped

    settings = load(config)
    if settings.broker.embedded:
        say(LIMITS)
    instance = Instance(settings, config, say)

    def stop(number: int, _frame: object) -> None:
        if instance.told_to_stop:  # a second Ctrl-C: at once; the children die with us
            os._exit(128 + number)
        instance.told_to_stop = True

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    try:
        instance.start()
        say(f"running as process {os.getpid()}; Ctrl-C stops everything")
        instance.run()
    except Stopped:
        pass
    except RuntimeError as problem:
        fail(str(problem), EXIT_BAD)
    except Retry as problem:
        fail(problem.reason, EXIT_UNREACHABLE)
    finally:
        say("stopping")
        instance.stop()
