"""The hops measured: each alone on a backlog, one after the other, and all of them at once."""

import time
from contextlib import ExitStack

from pipeline.arrival import Arrival
from pipeline.bench.drain import Accounts
from pipeline.bench.result import HopRun, PathRun
from pipeline.bench.stand import Stand
from pipeline.bench.workers import HOPS, Worker
from pipeline.settings import Settings
from schemas.outcomes import Retry

__all__ = ["run_hops", "run_hop", "run_path", "moved_by", "start_all", "SOURCES"]

SOURCES = {"accept": "events.raw", "resolve": "events.accepted", "deliver-clickhouse": "events.prepared"}
"""Where the events come from, for the hops that have events: the others are given facts."""
FACTS = (
    ("identify", "identity.claims"),
    ("resolve", "identity.mappings"),
    ("people", "person.changes"),
    ("resolve", "person.views"),
    *(
        ("deliver-clickhouse", topic)
        for topic in ("persons", "identity.mappings", "session.starts", "ingestion.warnings")
    ),
)
"""What follows from the events, in an order in which nothing is added to what stands before."""
FACTS_WITHIN_S = 600.0


def run_hops(stand: Stand, settings: Settings, records: int) -> dict[str, HopRun]:
    """One hop after the other, each with the backlog that the one before it has left: the events, then the facts."""
    found: dict[str, HopRun] = {}
    backlog = records
    for hop in SOURCES:
        found[hop] = run_hop(stand, settings, hop, backlog)
        backlog = moved_by(settings, hop, backlog)
    for hop, topic in FACTS:
        run = _run_facts(stand, settings, hop, topic)
        found[hop] = _both(found[hop], run) if hop in found else run
    return {hop: found[hop] for hop in HOPS}


def moved_by(settings: Settings, hop: str, rows: int) -> int:
    """How many of the rows that it has read the hop has handed on."""
    with Accounts(settings) as accounts:
        accounts.wait_for(hop, SOURCES[hop], rows)
        return accounts.fates(hop, SOURCES[hop])["moved"]


def run_hop(stand: Stand, settings: Settings, hop: str, backlog: int) -> HopRun:
    """One worker alone, from ready until it has committed the whole backlog."""
    with Accounts(settings) as accounts, stand.worker(settings, hop) as worker:
        before, started_s = worker.wait_until_ready(), time.monotonic()
        ended_s = accounts.wait_for(hop, SOURCES[hop], backlog, worker.usage)
        return _run(worker, backlog, before.cpu_s, ended_s - started_s)


def _run_facts(stand: Stand, settings: Settings, hop: str, topic: str) -> HopRun:
    """One worker alone until it has committed all that stands in the topic."""
    arrival = Arrival(settings)
    try:
        with stand.worker(settings, hop) as worker:
            before, started_s = worker.wait_until_ready(), time.monotonic()
            _all_read(arrival, settings, hop, topic)
            ended_s = time.monotonic()
            with Accounts(settings) as accounts:
                return _run(worker, accounts.latest_rows(hop, topic), before.cpu_s, ended_s - started_s)
    finally:
        arrival.close()


def _all_read(arrival: Arrival, settings: Settings, hop: str, topic: str) -> None:
    pending = arrival.wait_for(hop, settings.topics.named(topic), FACTS_WITHIN_S)
    if pending:
        raise Retry(f"{pending}; see its log")


def _both(one: HopRun, other: HopRun) -> HopRun:
    """Two runs of one hop as one."""
    return HopRun(
        events=one.events + other.events,
        cpu_s=round(one.cpu_s + other.cpu_s, 2),
        wall_s=round(one.wall_s + other.wall_s, 2),
        peak_mb=max(one.peak_mb, other.peak_mb),
    )


def run_path(stand: Stand, settings: Settings, records: int, everyone: ExitStack) -> PathRun:
    """All at once on a backlog of raw events. The workers go on, with nothing to do, until `everyone` is closed."""
    workers = start_all(stand, settings, everyone)
    before = {hop: worker.usage().cpu_s for hop, worker in workers.items()}
    started_s = time.monotonic()
    with Accounts(settings) as accounts:
        ended_s: dict[str, float] = {}
        backlog = records
        for hop in SOURCES:
            ended_s[hop] = accounts.wait_for(hop, SOURCES[hop], backlog)
            backlog = accounts.fates(hop, SOURCES[hop])["moved"]
        arrival = Arrival(settings)
        try:
            for hop, topic in FACTS:
                _all_read(arrival, settings, hop, topic)
                ended_s[hop] = time.monotonic()
        finally:
            arrival.close()
        accounts.catch_up()
        return PathRun(
            events=records,
            wall_s=round(max(ended_s[hop] for hop in HOPS) - started_s, 2),
            hops={
                hop: _run(worker, accounts.read_by(hop), before[hop], ended_s[hop] - started_s)
                for hop, worker in workers.items()
            },
            in_clickhouse=stand.counts(settings, "SELECT 'events', count() FROM events FINAL")["events"],
            fates={hop: accounts.fates(hop, SOURCES[hop]) for hop in SOURCES},
        )


def start_all(stand: Stand, settings: Settings, everyone: ExitStack) -> dict[str, Worker]:
    """A worker of each hop, ready for work, against the stream: who is ready has nothing to do until accept is."""
    workers: dict[str, Worker] = {}
    for together in (HOPS[1:], HOPS[:1]):
        for hop in together:
            workers[hop] = everyone.enter_context(stand.worker(settings, hop))
        for hop in together:
            workers[hop].wait_until_ready()
    return workers


def _run(worker: Worker, events: int, cpu_before_s: float, wall_s: float) -> HopRun:
    after = worker.usage()
    return HopRun(
        events=events,
        cpu_s=round(after.cpu_s - cpu_before_s, 2),
        wall_s=round(wall_s, 2),
        peak_mb=after.peak_mb,
    )
