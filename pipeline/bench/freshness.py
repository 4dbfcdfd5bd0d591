"""How old an event is when a query first finds it: probes among a steady load, each looked for until it is there."""

import itertools
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from destinations.clickhouse.connect import new_client
from pipeline.arrival import Arrival
from pipeline.bench.generator import Record, records
from pipeline.bench.result import Freshness
from pipeline.ends import LogEnds
from pipeline.producer import plain_producer
from pipeline.settings import Settings
from schemas.outcomes import Retry

__all__ = ["Load", "percentile", "run_freshness"]

PROBES_PER_S = 20
POLL_S = 0.1
"""Between two questions: each costs ClickHouse some 20 ms of the cores that the pipeline runs on."""
POOL = 5_000
"""Events made before the load begins: making them would take a fifth of a core from the pipeline."""
WARM_UP_S = 8.0
"""Probes of the first seconds are not counted: the broker compiles its code (a third of a core) and ClickHouse merges
what the backlog has left."""
LATE_S = 60.0
ASKED_MAX = 500
"""Probes asked for at once: their names are part of the query's text."""
_TICK_S = 0.01
_SURELY_BEFORE = timedelta(minutes=10)
_EVENT = "bench_probe"


def run_freshness(settings: Settings, load_per_s: int, seconds: float) -> Freshness:
    """Send `load_per_s` events a second, probes included, for so long. All workers must be running."""
    load = Load(settings, load_per_s)
    load.start()
    arrived_s: dict[str, float] = {}
    client = new_client(settings.clickhouse)
    try:
        polls, started_s = 0, time.monotonic()
        while time.monotonic() - started_s < seconds + WARM_UP_S:
            _look(client, load, arrived_s)
            polls += 1
            time.sleep(POLL_S)
        polled_every_ms = round((time.monotonic() - started_s) / polls * 1000, 1)
        load.end()
        while len(arrived_s) < len(load.sent_s):
            _look(client, load, arrived_s)
            if time.monotonic() - started_s > seconds + WARM_UP_S + LATE_S:
                missing = len(load.sent_s) - len(arrived_s)
                raise Retry(f"{missing} probes are not queryable after {LATE_S:.0f} s: {_whereabouts(settings)}")
    finally:
        load.end()
        client.close()
    first_s = min(load.sent_s.values()) + WARM_UP_S
    ages = sorted((arrived_s[name] - sent) * 1000 for name, sent in load.sent_s.items() if sent >= first_s)
    return Freshness(
        load_per_s=round(load.rate()),
        probes=len(ages),
        p50=percentile(ages, 50),
        p95=percentile(ages, 95),
        p99=percentile(ages, 99),
        longest=percentile(ages, 100),
        polled_every_ms=polled_every_ms,
    )


def percentile(ordered: list[float], percent: float) -> float:
    """The value that so many percent do not exceed (nearest rank); the list is in order and not empty."""
    rank = max(1, -(-len(ordered) * percent // 100))
    return round(ordered[int(rank) - 1], 1)


class Load:
    """A thread that sends events at a steady rate, and remembers when it handed each probe to the producer."""

    def __init__(self, settings: Settings, per_s: int) -> None:
        self.sent_s: dict[str, float] = {}
        self._per_s = per_s
        self._topic = settings.topics.named("events.raw")
        self._producer: Any = plain_producer(settings, **{"compression.type": "lz4"})
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._count = 0
        self._began_s = self._ended_s = 0.0
        self._pool = list(itertools.islice(records(POOL), POOL))
        self._run_id = uuid.uuid4().hex[:16]
        self.since = datetime.now(UTC) - _SURELY_BEFORE
        """No probe is older; what was there before, the backlog of the whole path, need not be looked through."""

    def start(self) -> None:
        self._began_s = time.monotonic()
        self._thread.start()

    def end(self) -> None:
        """Stop sending and wait for the acknowledgements. Can be repeated."""
        self._ending.set()
        self._thread.join()

    def rate(self) -> float:
        """Events per second that were really sent."""
        return self._count / (self._ended_s - self._began_s)

    def _run(self) -> None:
        while not self._ending.wait(_TICK_S):
            elapsed_s = time.monotonic() - self._began_s
            if len(self.sent_s) < elapsed_s * PROBES_PER_S:
                self._probe()
            for _ in range(int(elapsed_s * self._per_s) - self._count):
                self.send(self._fresh(self._pool[self._count % POOL]))
            self._producer.poll(0)
        self._ended_s = time.monotonic()
        self._producer.flush(LATE_S)

    def _fresh(self, record: Record) -> Record:
        """The event under a uuid that was never sent: a duplicate would be dropped, and nothing waited for."""
        start, _, rest = record.value.partition(b'"uuid":"')
        name = f"{self._run_id}{self._count:016x}"
        name = f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"
        return Record(record.key, b'%b"uuid":"%b%b' % (start, name.encode(), rest[36:]))

    def _probe(self) -> None:
        name = str(uuid.uuid4())
        value = f'{{"token":"demo","event":"{_EVENT}","distinct_id":"probe-{name[:4]}","uuid":"{name}"}}'
        self.sent_s[name] = time.monotonic()
        self.send(Record(name.encode(), value.encode()))

    def send(self, record: Record) -> None:
        """One record, beside the steady ones; any thread may call it."""
        while True:
            try:
                self._producer.produce(self._topic, record.value, key=record.key)
            except BufferError:
                self._producer.poll(0.05)
            else:
                self._count += 1
                return


def _look(client: Any, load: Load, arrived_s: dict[str, float]) -> None:
    """Note the probes that a query finds now. The time is taken when the answer is here.

    They are asked for by name, not by time: while this measures, the machine's clock may be put right by seconds.
    """
    pending = [name for name in list(load.sent_s) if name not in arrived_s][:ASKED_MAX]
    if not pending:
        return
    rows = client.query(
        "SELECT toString(uuid) FROM events WHERE project = 1 AND event = {event:String}"
        " AND timestamp >= {since:DateTime} AND uuid IN {names:Array(UUID)}",
        parameters={"event": _EVENT, "since": load.since, "names": pending},
    ).result_rows
    now_s = time.monotonic()
    for (name,) in rows:
        arrived_s.setdefault(name, now_s)


def _whereabouts(settings: Settings) -> str:
    """The first hop that does not get on, for whoever has to find out why."""
    arrival = Arrival(settings)
    try:
        ends = LogEnds(settings).ends(settings.topics.named("events.raw"), settings.topics.raw_partitions)
        return arrival.wait(ends, 1.0) or "every hop has read everything, so they were lost or are not where we looked"
    finally:
        arrival.close()
