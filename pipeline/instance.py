"""Everything of one installation on one machine: what `headrace up` starts, in which order, and when it is ready."""

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from destinations.clickhouse import migrate
from pipeline.embedded.broker import command as broker_command
from pipeline.embedded.broker import wait_until_ready
from pipeline.readiness import is_ready
from pipeline.runfile import Child, RunFile, embedded_settings, home, started_at
from pipeline.settings import Settings
from pipeline.supervisor import ChildPlan, Supervisor
from pipeline.topics import create_missing
from schemas.outcomes import Retry

__all__ = ["Instance"]

READY_WITHIN_S = 60.0


class Instance:
    """A supervisor with the plan of what to run. `tell` says what happens, one line at a time."""

    def __init__(self, settings: Settings, config: Path | None, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._config = config
        self._tell = tell
        self._supervisor = Supervisor(home() / "logs", tell)
        self._run: RunFile | None = None

    @property
    def settings(self) -> Settings:
        """The settings with the addresses that were chosen."""
        return self._settings

    def start(self) -> None:
        """Start everything and return when every hop is ready. Raises Retry when something does not come up."""
        if self._settings.broker.embedded:
            self._start_embedded()
        else:
            self._run = self._run_file(self._settings)
        created = create_missing(self._settings)
        if created:
            self._tell(f"created {len(created)} topics")
        for migration in migrate(self._settings.clickhouse):
            self._tell(f"applied migration {migration.version:04} {migration.name}")
        hops = ["accept", "resolve", *(f"deliver-{found.name}" for found in self._settings.destinations)]
        for hop in hops:
            self._supervisor.start(self._hop(hop))
        self._note()
        self._wait_for_hops(hops)
        assert self._run is not None
        self._run.ready = True
        self._note()

    def tend(self) -> None:
        """One look after the children."""
        if self._supervisor.tend():
            self._note()

    def stop(self) -> None:
        """Stop everything and forget the run file."""
        self._supervisor.stop()
        RunFile.path().unlink(missing_ok=True)

    def _start_embedded(self) -> None:
        broker_port, clickhouse_port = _free_port(), _free_port()
        fresh = RunFile(
            pid=os.getpid(),
            started=started_at(os.getpid()) or "",
            bootstrap=f"127.0.0.1:{broker_port}",
            clickhouse_url=f"http://127.0.0.1:{clickhouse_port}",
            log_epoch=_next_epoch(),
        )
        self._run = fresh
        self._settings = _with_addresses(self._settings, embedded_settings(fresh))
        # Its logs are in memory and die with it, so nobody may go on with another one in its place.
        self._supervisor.start(ChildPlan("broker", broker_command(broker_port), restart=False))
        folder = home() / "clickhouse"
        command = [sys.executable, "-m", "pipeline.embedded.clickhouse", "--path", str(folder)]
        self._supervisor.start(ChildPlan("clickhouse", [*command, "--port", str(clickhouse_port)]))
        if not wait_until_ready(fresh.bootstrap, READY_WITHIN_S):
            raise Retry(f"the embedded broker did not come up; see {home() / 'logs' / 'broker.log'}")
        _wait_for_port(clickhouse_port, "clickhouse")

    def _run_file(self, settings: Settings) -> RunFile:
        return RunFile(
            pid=os.getpid(),
            started=started_at(os.getpid()) or "",
            bootstrap=settings.broker.bootstrap,
            clickhouse_url=settings.clickhouse.url,
            log_epoch=settings.log_epoch,
        )

    def _hop(self, hop: str) -> ChildPlan:
        words = ["deliver", hop.removeprefix("deliver-")] if hop.startswith("deliver-") else [hop]
        command = [sys.executable, "-m", "pipeline.cli.main", "run", *words]
        if self._config is not None:
            command += ["--config", str(self._config)]
        return ChildPlan(hop, command)

    def _note(self) -> None:
        assert self._run is not None
        pids = self._supervisor.pids()
        self._run.children = {name: Child(pid, started_at(pid) or "") for name, pid in pids.items()}
        self._run.write()

    def _wait_for_hops(self, hops: list[str]) -> None:
        """Ready is said by each worker in a file of its own, when it owns its partitions."""
        deadline = time.monotonic() + READY_WITHIN_S
        waiting = list(hops)
        while waiting:
            self.tend()
            pids = self._supervisor.pids()
            waiting = [hop for hop in waiting if hop not in pids or not is_ready(hop, pids[hop])]
            if waiting and time.monotonic() > deadline:
                raise Retry(f"{', '.join(waiting)} did not become ready; see {home() / 'logs'}")
            time.sleep(0.1)


def _with_addresses(settings: Settings, embedded: Settings) -> Settings:
    """The settings as given, with the chosen addresses in them."""
    return msgspec.structs.replace(
        settings,
        log_epoch=embedded.log_epoch,
        broker=msgspec.structs.replace(settings.broker, bootstrap=embedded.broker.bootstrap),
        clickhouse=msgspec.structs.replace(settings.clickhouse, url=embedded.clickhouse.url),
    )


def _next_epoch() -> int:
    """One more than the last embedded broker's: its logs begin anew beside the same ClickHouse folder."""
    file = home() / "log_epoch"
    home().mkdir(parents=True, exist_ok=True)
    epoch = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(epoch))
    return epoch


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int, name: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise Retry(f"{name} did not come up; see {home() / 'logs' / f'{name}.log'}")
