"""One worker process as production runs it, started, awaited and measured from outside."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import msgspec
import yaml

from pipeline.bench.processes import Usage, usage
from pipeline.embedded.parent import start
from pipeline.settings import Settings
from schemas.outcomes import Retry

__all__ = ["Worker", "HOPS"]

HOPS = ("accept", "resolve", "identify", "people", "deliver-clickhouse")
READY_S = 180.0
STOP_S = 20.0
_TICK_S = 0.05


class Worker:
    """`headrace run HOP` with these settings. Use as a context manager: it is ended, kindly if that works."""

    def __init__(self, settings: Settings, hop: str, folder: Path) -> None:
        self.hop = hop
        self._settings = settings
        self._home = folder / f"{settings.app}-{hop}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Worker":
        self._home.mkdir(parents=True, exist_ok=True)
        config = self._home / "headrace.yaml"
        config.write_text(yaml.safe_dump(msgspec.to_builtins(self._settings)))
        (self._home / "ready" / self.hop).unlink(missing_ok=True)
        words = ["deliver", self.hop.removeprefix("deliver-")] if self.hop.startswith("deliver-") else [self.hop]
        command = [sys.executable, "-m", "pipeline.cli.main", "run", *words, "--config", str(config)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        with self.log.open("ab") as log:
            self._process = start(
                command,
                env={**kept, "HEADRACE_HOME": str(self._home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def log(self) -> Path:
        """What the worker says."""
        return self._home / "worker.log"

    def usage(self) -> Usage:
        """What it has cost so far. Raises Retry when it has ended, with the end of its log."""
        assert self._process is not None
        if self._process.poll() is not None:
            end = self.log.read_text(errors="replace")[-1_500:]
            raise Retry(f"the worker of {self.hop} ended with {self._process.returncode} while it was measured: {end}")
        return usage(self._process.pid)

    def wait_until_ready(self) -> Usage:
        """Return when it owns its partitions, with what that has cost."""
        assert self._process is not None
        deadline = time.monotonic() + READY_S
        mark = self._home / "ready" / self.hop
        while not (mark.exists() and mark.read_text() == str(self._process.pid)):
            self.usage()
            if time.monotonic() > deadline:
                raise Retry(f"the worker of {self.hop} was not ready within {READY_S:.0f} s: see {self.log}")
            time.sleep(_TICK_S)
        return self.usage()
