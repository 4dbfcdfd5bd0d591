"""Everything of one installation on one machine: what `headrace up` starts, in which order, and when it is ready."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from destinations.clickhouse.migrate import migrate
from pipeline.connection import client_options
from pipeline.embedded.broker import command as broker_command
from pipeline.embedded.broker import wait_until_ready
from pipeline.embedded.clickhouse import command as clickhouse_command
from pipeline.embedded.parent import with_parent
from pipeline.embedded.ports import free_ports
from pipeline.readiness import is_ready
from pipeline.runfile import Child, RunFile, home, started_at
from pipeline.settings import Settings
from pipeline.supervisor import ChildPlan, Supervisor, last_lines
from pipeline.topics import create_missing
from schemas.outcomes import Retry

__all__ = ["Instance", "Stopped"]

READY_WITHIN_S = 60.0
BROKER_WITHIN_S = 15.0
DEATHS_BEFORE_READY = 3
"""A process that dies so often while everything starts will not come up by waiting."""
SERVICES, HOPS = 0, 1
"""Stages: the hops end before what they write to."""


class Stopped(Exception):
    """Told to stop while everything was still starting."""


class Instance:
    """A supervisor with the plan of what to run. `tell` says what happens, one line at a time."""

    def __init__(self, settings: Settings, config: Path | None, tell: Callable[[str], None]) -> None:
        self.told_to_stop = False
        """Set it from a signal handler: whatever waits, ends."""
        self._settings = settings
        self._config = config
        self._tell = tell
        self._supervisor = Supervisor(home() / "logs", tell)
        self._environment: dict[str, str] = {}
        self._run = RunFile(
            pid=os.getpid(),
            started=started_at(os.getpid()) or "",
            bootstrap=settings.broker.bootstrap,
            clickhouse_url=settings.clickhouse.url,
            log_epoch=settings.log_epoch,
        )

    def start(self) -> None:
        """Start everything and return when every hop is ready.

        Raises Retry when a service does not answer, RuntimeError when a process cannot run, Stopped when told to.
        """
        if self._settings.broker.embedded:
            self._start_embedded()
        elif not _answers(self._settings):
            raise Retry(
                f"no broker answers at {self._settings.broker.bootstrap}: start it, or correct broker.bootstrap "
                "and the security settings"
            )
        created = create_missing(self._settings)
        if created:
            self._tell(f"created {len(created)} topics")
        for migration in migrate(self._settings.clickhouse):
            self._tell(f"applied migration {migration.version:04} {migration.name}")
        hops = ["accept", "resolve", "identify", "people"]
        hops += [f"deliver-{found.name}" for found in self._settings.destinations]
        for hop in hops:
            self._supervisor.start(self._hop(hop))
        self._note()
        # Ready is said by each worker in a file of its own, when it owns its partitions.
        self._until(lambda: all(map(self._is_ready, hops)), ", ".join(hops))
        self._run.ready = True
        self._note()

    def run(self) -> None:
        """Look after everyone until told to stop. Raises RuntimeError when it cannot go on."""
        while not self.told_to_stop:
            if self._supervisor.tend():
                self._note()
            time.sleep(0.25)

    def stop(self) -> None:
        """Stop everything and forget the run file."""
        self._supervisor.stop()
        RunFile.path().unlink(missing_ok=True)

    def _start_embedded(self) -> None:
        broker_port, clickhouse_port = free_ports(2)
        self._run.bootstrap = f"127.0.0.1:{broker_port}"
        self._run.clickhouse_url = f"http://127.0.0.1:{clickhouse_port}"
        self._run.log_epoch = _next_epoch()
        self._settings = _with_addresses(self._settings, self._run)
        self._environment = {
            "HEADRACE_BROKER__BOOTSTRAP": self._run.bootstrap,
            "HEADRACE_CLICKHOUSE__URL": self._run.clickhouse_url,
            "HEADRACE_LOG_EPOCH": str(self._run.log_epoch),
        }
        # Its logs are in memory: they die with it, so nobody may go on with another one in its place, and there is
        # nothing that it could save by ending slowly.
        broker = broker_command(broker_port)
        self._supervisor.start(ChildPlan("broker", broker, restart=False, stop_signal=signal.SIGKILL))
        clickhouse = clickhouse_command(home() / "clickhouse", clickhouse_port)
        self._supervisor.start(ChildPlan("clickhouse", clickhouse))
        self._note()
        self._until(lambda: wait_until_ready(self._run.bootstrap, 0.5), "broker")
        self._until(lambda: _listens(clickhouse_port), "clickhouse")

    def _hop(self, hop: str) -> ChildPlan:
        words = ["deliver", hop.removeprefix("deliver-")] if hop.startswith("deliver-") else [hop]
        command = [sys.executable, "-m", "pipeline.cli.main", "run", *words]
        if self._config is not None:
            command += ["--config", str(self._config)]
        return ChildPlan(hop, with_parent(command), self._environment, stage=HOPS)

    def _note(self) -> None:
        """Write the run file, so that other commands find what runs now."""
        self._run.children = {
            name: Child(state.pid or 0, started_at(state.pid or 0) or "", state.failures, state.looping)
            for name, state in self._supervisor.states().items()
        }
        self._run.write()

    def _is_ready(self, hop: str) -> bool:
        pid = self._supervisor.states()[hop].pid
        return pid is not None and is_ready(hop, pid)

    def _until(self, reached: Callable[[], bool], names: str) -> None:
        """Wait, and look after everyone meanwhile."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not reached():
            if self.told_to_stop:
                raise Stopped
            if self._supervisor.tend():
                self._note()
                self._refuse_hopeless()
            if time.monotonic() > deadline:
                raise Retry(f"{names}: not ready after {READY_WITHIN_S:.0f} s; see {home() / 'logs'}")
            time.sleep(0.05)

    def _refuse_hopeless(self) -> None:
        for name, state in self._supervisor.states().items():
            if state.failures >= DEATHS_BEFORE_READY:
                lines = "\n".join(f"    {line}" for line in last_lines(self._supervisor.log(name), 8))
                raise RuntimeError(f"{name} does not start. Its log, {self._supervisor.log(name)}, ends:\n{lines}")


def _with_addresses(settings: Settings, running: RunFile) -> Settings:
    """The settings as given, with the chosen addresses in them."""
    return msgspec.structs.replace(
        settings,
        log_epoch=running.log_epoch,
        broker=msgspec.structs.replace(settings.broker, bootstrap=running.bootstrap),
        clickhouse=msgspec.structs.replace(settings.clickhouse, url=running.clickhouse_url),
    )


def _next_epoch() -> int:
    """One more than the last embedded broker's: its logs begin anew beside the same ClickHouse folder."""
    file = home() / "log_epoch"
    home().mkdir(parents=True, exist_ok=True)
    epoch = int(file.read_text()) + 1 if file.exists() else 1
    fresh = file.with_suffix(".new")
    fresh.write_text(str(epoch))
    fresh.replace(file)
    return epoch


def _answers(settings: Settings) -> bool:
    """Whether the brokers let us in within a moment."""
    try:
        AdminClient({**client_options(settings), "log_level": 0}).list_topics(timeout=BROKER_WITHIN_S)
    except KafkaException:
        return False
    return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
