"""Where a benchmark runs: a broker of the wanted kind, a ClickHouse, and an installation with topics of its own."""

import os
import subprocess
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.request import urlopen

import msgspec

from destinations.clickhouse.config import Config as ClickHouseConfig
from destinations.clickhouse.connect import new_client
from destinations.clickhouse.migrate import migrate
from pipeline.bench.generator import AVRO_SCHEMA, Record
from pipeline.bench.workers import HOPS, Worker
from pipeline.embedded import broker as embedded_broker
from pipeline.embedded.apache_kafka import ApacheKafka
from pipeline.embedded.clickhouse import command as clickhouse_command
from pipeline.embedded.parent import start
from pipeline.embedded.ports import free_ports
from pipeline.identity import IdentityRules
from pipeline.producer import plain_producer
from pipeline.settings import Broker, Project, Settings, Store, Topics
from pipeline.topics import create_missing
from schemas.outcomes import Retry

__all__ = ["Stand", "BrokerKind"]

BrokerKind = Literal["kafka", "embedded"]
START_S = 60.0
PARTITIONS = 4
"""Of every topic: two workers a hop on each of two cores would be the most that this machine could use."""


class Stand:
    """Use as a context manager; everything it started ends with it. Nothing is shared with what runs elsewhere."""

    def __init__(self, kind: BrokerKind, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.settings = Settings()
        self._everything = ExitStack()
        self._clickhouse: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stand":
        try:
            bootstrap = self._start_broker()
            url = self._start_clickhouse()
            self.settings = Settings(
                broker=Broker(bootstrap=bootstrap, embedded=self.kind == "embedded"),
                topics=Topics(partitions=PARTITIONS, raw_partitions=PARTITIONS),
                registry=str(self._registry()),
                projects=[Project(id=1, name="demo", tokens=["demo"])],
                # The events are of one day that lies further and further back; they are not marked as of the past.
                identity=IdentityRules(stale_days=100_000),
                store=Store(path=str(self.folder / "state")),
                clickhouse=ClickHouseConfig(url=url, database="headrace"),
            )
        except BaseException:
            self._everything.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._everything.close()

    def installation(self, name: str) -> Settings:
        """Settings with topics, tables and groups of this name, created empty."""
        settings = msgspec.structs.replace(
            self.settings,
            app=f"bench-{name}",
            topics=msgspec.structs.replace(self.settings.topics, prefix=f"{name}."),
            clickhouse=msgspec.structs.replace(self.settings.clickhouse, database=f"bench_{name.replace('-', '_')}"),
        )
        create_missing(settings)
        migrate(settings.clickhouse)
        return settings

    def worker(self, settings: Settings, hop: str) -> Worker:
        """One worker of a hop, to be entered."""
        return Worker(settings, hop, self.folder / "workers")

    def workers(self, settings: Settings) -> list[Worker]:
        """One worker of every hop."""
        return [self.worker(settings, hop) for hop in HOPS]

    def fill(self, settings: Settings, records: Iterable[Record]) -> int:
        """Put records into events.raw as fast as it goes, acknowledged; how many."""
        producer: Any = plain_producer(settings, **{"linger.ms": 20, "compression.type": "lz4"})
        topic, count = settings.topics.named("events.raw"), 0
        for record in records:
            count += 1
            while True:
                try:
                    producer.produce(topic, record.value, key=record.key)
                    break
                except BufferError:
                    producer.poll(0.05)
            if count % 1_000 == 0:
                producer.poll(0)
        left = producer.flush(300)
        if left:
            raise Retry(f"the broker did not take {left} records within 300 s; is the disk full?")
        return count

    def counts(self, settings: Settings, question: str) -> dict[str, int]:
        """The answer of a query of two columns, a name and a number."""
        client = new_client(settings.clickhouse)
        try:
            return {str(name): int(number) for name, number in client.query(question).result_rows}
        finally:
            client.close()

    @property
    def clickhouse_pid(self) -> int:
        """The process of ClickHouse, to be frozen and woken."""
        assert self._clickhouse is not None
        return self._clickhouse.pid

    def _registry(self) -> Path:
        """A folder with the schema that the truncated Avro record names."""
        folder = self.folder / "schemas"
        folder.mkdir(parents=True, exist_ok=True)
        fields = [{"name": name, "type": "string"} for name in ("token", "event", "distinct_id")]
        schema = {"type": "record", "name": "Event", "fields": fields}
        (folder / f"{AVRO_SCHEMA}.avsc").write_bytes(msgspec.json.encode(schema))
        return folder

    def _start_broker(self) -> str:
        if self.kind == "kafka":
            return self._everything.enter_context(ApacheKafka(self.folder / "kafka")).bootstrap
        port = free_ports(1)[0]
        self._launch("broker", embedded_broker.command(port))
        bootstrap = f"127.0.0.1:{port}"
        if not embedded_broker.wait_until_ready(bootstrap, START_S):
            raise Retry(f"the embedded broker did not start: see {self.folder / 'broker.log'}")
        return bootstrap

    def _start_clickhouse(self) -> str:
        port = free_ports(1)[0]
        self._clickhouse = self._launch("clickhouse", clickhouse_command(self.folder / "clickhouse", port))
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_S
        while not _answers(url):
            if time.monotonic() > deadline:
                raise Retry(f"ClickHouse did not start: see {self.folder / 'clickhouse.log'}")
            time.sleep(0.1)
        return url

    def _launch(self, name: str, command: list[str]) -> "subprocess.Popen[bytes]":
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.log").open("ab") as log:
            process = start(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ)
            )

        def end() -> None:
            process.kill()
            process.wait()

        self._everything.callback(end)
        return process


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/ping", timeout=5) as answer:  # noqa: S310 - an address of our own making
            return bool(answer.status == 200)
    except OSError:
        return False
