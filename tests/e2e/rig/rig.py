"""A whole installation of real processes in one folder: Kafka, ClickHouse behind a proxy, two workers of each hop."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import urlopen

import clickhouse_connect
import yaml

from pipeline.arrival import Arrival
from pipeline.changelog import restore
from pipeline.configuration import load
from pipeline.consumer import read_to_end
from pipeline.embedded.apache_kafka import ApacheKafka
from pipeline.embedded.clickhouse import command as clickhouse_command
from pipeline.embedded.parent import start
from pipeline.embedded.ports import free_ports
from pipeline.observer import Observer
from pipeline.producer import plain_producer
from pipeline.settings import Settings
from pipeline.stores import MemoryStore
from pipeline.topics import topic_ids
from tests.e2e.rig.events import MOVING_TOKEN, PLAIN_TOKEN, WANDERING_TOKEN
from tests.e2e.rig.feed import Feed
from tests.e2e.rig.proxy import FaultProxy
from tests.e2e.rig.workers import Workers

__all__ = ["Rig"]

PARTITIONS = 4
SESSION_S = 6.0
INSERT_TIMEOUT_S = 6.0
_MEANINGS = (
    [{"id": 1, "tokens": [PLAIN_TOKEN, MOVING_TOKEN]}, {"id": 2, "tokens": ["other"]}],
    [{"id": 1, "tokens": [PLAIN_TOKEN]}, {"id": 2, "tokens": [MOVING_TOKEN, WANDERING_TOKEN]}],
)


class Rig:
    """Use as a context manager: everything it started is stopped at its end, whatever happened."""

    def __init__(self, folder: Path, seed: int, nodes: int = 1, per_second: int = 2_500, store: str = "memory") -> None:
        self.folder = folder
        self.seed = seed
        self.kafka = ApacheKafka(folder / "kafka", nodes=nodes)
        self.config = folder / "headrace.yaml"
        self.configuration = 0
        self.sent_besides = 0
        """Events beside the feed's."""
        self._store = store
        self._per_second = per_second
        self._port = free_ports(1)[0]
        self._everything = ExitStack()
        self._clickhouse: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Rig":
        try:
            self._everything.enter_context(self.kafka)
            self.start_clickhouse()
            self._everything.callback(self.kill_clickhouse)
            self.proxy = FaultProxy(self._port)
            self._everything.callback(self.proxy.close)
            self.configure(0)
            self.command("topics", "create")
            self.command("migrate")
            self.workers = Workers(self.folder, self.config, {})
            self._everything.callback(self.workers.stop)
            self.workers.start(each=2)
            self.feed = Feed(self.settings, self.seed, self._per_second)
            self._everything.callback(self.feed.stop)
        except BaseException:
            self._everything.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._everything.close()

    @property
    def settings(self) -> Settings:
        """What the workers are configured with now."""
        return load(self.config, {})

    def configure(self, which: int) -> None:
        """Write configuration 0 or 1: other projects for some tokens, other limits, other blocks."""
        self.configuration = which
        content = {
            "broker": {"bootstrap": self.kafka.bootstrap, "session_timeout_s": SESSION_S},
            "topics": {
                "partitions": PARTITIONS,
                "raw_partitions": PARTITIONS,
                "replication": len(self.kafka.nodes),
            },
            "projects": _MEANINGS[which],
            "limits": {"depth": (64, 60)[which]},
            # The events are of 2023, and come today.
            "identity": {"stale_days": 100_000},
            "commit": {"interval_ms": (150, 40)[which], "transaction_timeout_s": 20},
            "deliver": {"rows_max": (100_000, 700)[which], "linger_ms": (500, 100)[which]},
            "retry": {"cap_s": 2},
            "store": {"kind": self._store},
            "clickhouse": {"url": self.proxy.url, "database": "headrace", "insert_timeout_s": INSERT_TIMEOUT_S},
        }
        fresh = self.config.with_suffix(".new")
        fresh.write_text(yaml.safe_dump(content))
        fresh.replace(self.config)

    def command(self, *words: str, codes: tuple[int, ...] = (0,), within_s: float = 180.0) -> str:
        """What `headrace` prints; fails unless it ends with one of the codes."""
        line = [sys.executable, "-m", "pipeline.cli.main", *words, "--config", str(self.config)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=within_s, check=False)
        assert done.returncode in codes, f"headrace {' '.join(words)} ended with {done.returncode}: {_said(done)}"
        return done.stdout

    def audit(self, wait_s: float) -> dict[str, Any]:
        """The audit's report, whatever it says."""
        words = ("audit", "--json", "--wait", str(wait_s))
        found: dict[str, Any] = json.loads(self.command(*words, codes=(0, 1), within_s=wait_s + 120))
        return found

    def settle(self, within_s: float) -> None:
        """Return when everything that follows from what was sent is in ClickHouse: people, visits, warnings."""
        arrival = Arrival(self.settings)
        try:
            pending = arrival.wait({}, within_s)
        finally:
            arrival.close()
        assert not pending, pending

    def start_clickhouse(self) -> None:
        """Start ClickHouse on its port and wait until it answers."""
        folder = self.folder / "clickhouse"
        folder.mkdir(exist_ok=True)
        with (folder / "server.log").open("ab") as log:
            command = clickhouse_command(folder, self._port)
            self._clickhouse = start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not _answers(self._port):
            assert time.monotonic() < deadline, f"ClickHouse did not start: see {folder / 'server.log'}"
            time.sleep(0.1)

    def kill_clickhouse(self) -> None:
        """End ClickHouse at once (SIGKILL)."""
        if self._clickhouse is not None:
            self._clickhouse.kill()
            self._clickhouse.wait()

    @contextmanager
    def query_client(self) -> Iterator[Any]:
        """A client that goes past the proxy."""
        client = clickhouse_connect.get_client(host="127.0.0.1", port=self._port, autogenerate_session_id=False)
        try:
            yield client
        finally:
            client.close()

    def send(self, value: bytes) -> None:
        """One event more, acknowledged."""
        producer = plain_producer(self.settings)
        producer.produce(self.settings.topics.named("events.raw"), value)
        assert producer.flush(60) == 0, "the broker does not take a record"
        self.sent_besides += 1

    def read_by_accept(self) -> int:
        """Records of the present events.raw that accept has committed."""
        observer = Observer(self.settings)
        try:
            observer.refresh()
            topic = self.settings.topics.named("events.raw")
            return sum(log.rows for _, log in observer.live("accept", topic))
        finally:
            observer.close()

    def raw_records(self) -> int:
        """Records in the present events.raw."""
        topic = self.settings.topics.named("events.raw")
        starts = {(topic, partition): 0 for partition in range(PARTITIONS)}
        batches = read_to_end(self.settings, starts, topic_ids(self.settings, [topic]))
        return sum(len(batch) for batch, _ in batches)

    def state_keys(self, hop: str, partition: int) -> list[bytes]:
        """The keys of the state in the changelog of one partition of a hop."""
        topic = f"{self.settings.app}-{hop}-state"
        store = MemoryStore()
        batches = read_to_end(self.settings, {(topic, partition): 0}, topic_ids(self.settings, [topic]))
        restore(store, batches, isolated=not self.settings.broker.embedded)
        return list(store.keys())

    def logs(self, chars: int = 3_000) -> str:
        """The end of every worker's log, for a test that failed."""
        return "\n".join(f"--- {name}\n{self.workers.log(name)[-chars:]}" for name in self.workers.names)


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _said(done: "subprocess.CompletedProcess[str]") -> str:
    return (done.stdout + done.stderr)[-3_000:] + (f" (in {os.getcwd()})")
