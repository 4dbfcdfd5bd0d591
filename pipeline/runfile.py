"""What is running in this folder: written by `headrace up`, read by every command that has no configuration."""

import os
from pathlib import Path

import msgspec

from destinations.clickhouse.config import Config as ClickHouseConfig
from pipeline.settings import Broker, Project, Settings, Store, Topics

__all__ = ["RunFile", "Child", "embedded_settings", "home", "started_at", "uptime_s"]


def home() -> Path:
    """The folder of data, logs and the run file."""
    return Path(os.environ.get("HEADRACE_HOME", ".headrace"))


class Child(msgspec.Struct, frozen=True):
    """A process: its id and when the kernel started it, which together name it for good."""

    pid: int
    """0 while it waits to be started again."""
    started: str
    failures: int = 0
    """Deaths in a row, of late."""
    looping: bool = False
    """It dies again and again; its log says why."""

    @property
    def alive(self) -> bool:
        """Whether this very process runs: an id alone may belong to another by now."""
        return self.pid > 0 and started_at(self.pid) == self.started


class RunFile(msgspec.Struct, kw_only=True):
    """The contents of run.json."""

    pid: int
    started: str
    bootstrap: str
    clickhouse_url: str
    log_epoch: int
    children: dict[str, Child] = {}
    ready: bool = False

    @staticmethod
    def path() -> Path:
        return home() / "run.json"

    @classmethod
    def read(cls) -> "RunFile | None":
        """What is running here, or None. A file whose process is gone counts as nothing."""
        found = cls.left_behind()
        return found if found is not None and started_at(found.pid) == found.started else None

    @classmethod
    def left_behind(cls) -> "RunFile | None":
        """What the file says, whether or not that process still runs."""
        try:
            return msgspec.json.decode(cls.path().read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError):
            return None

    def write(self) -> None:
        """Replace the file in one step, so that a reader sees the old or the new."""
        self.path().parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path().with_suffix(".new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(self)))
        fresh.replace(self.path())


def started_at(pid: int) -> str | None:
    """When the kernel started the process (clock ticks since boot), or None when there is none of this id."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def embedded_settings(running: RunFile | None) -> Settings:
    """The embedded default: project 1 with token demo, four partitions, data under the home folder.

    Without anything running there are no addresses: they are empty.
    """
    return Settings(
        log_epoch=running.log_epoch if running else 0,
        broker=Broker(bootstrap=running.bootstrap if running else "", embedded=True),
        topics=Topics(partitions=4, raw_partitions=4),
        projects=[Project(id=1, name="demo", tokens=["demo"])],
        store=Store(kind="memory", path=str(home() / "state")),
        clickhouse=ClickHouseConfig(url=running.clickhouse_url if running else "", database="headrace"),
    )


def uptime_s(child: Child) -> int:
    """Whole seconds since the process started."""
    since_boot_s = float(Path("/proc/uptime").read_text().split()[0])
    return int(since_boot_s - int(child.started) / os.sysconf("SC_CLK_TCK"))
