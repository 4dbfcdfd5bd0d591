"""The hops measured: each alone on a backlog, one after the other, and all of them at once."""

import time
from contextlib import ExitStack

from pipeline.bench.drain import Accounts
from pipeline.bench.result import HopRun, PathRun
from pipeline.bench.stand import Stand
from pipeline.bench.workers import HOPS, Worker
from pipeline.settings import Settings

__all__ = ["run_hops", "run_hop", "run_path", "moved_by", "start_all", "SOURCES"]

SOURCES = {"accept": "events.raw", "resolve": "events.accepted", "deliver-clickhouse": "events.prepared"}


def run_hops(stand: Stand, settings: Settings, records: int) -> dict[str, HopRun]:
    """One hop after the other, each with the backlog that the one before it has left."""
    found: dict[str, HopRun] = {}
    backlog = records
    for hop in HOPS:
        found[hop] = run_hop(stand, settings, hop, backlog)
        backlog = moved_by(settings, hop, backlog)
    return found


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


def run_path(stand: Stand, settings: Settings, records: int, everyone: ExitStack) -> PathRun:
    """All at once on a backlog of raw events. The workers go on, with nothing to do, until `everyone` is closed."""
    workers = start_all(stand, settings, everyone)
    before = {hop: worker.usage().cpu_s for hop, worker in workers.items()}
    started_s = time.monotonic()
    with Accounts(settings) as accounts:
        ended_s: dict[str, float] = {}
        backlog = records
        for hop in HOPS:
            ended_s[hop] = accounts.wait_for(hop, SOURCES[hop], backlog)
            backlog = accounts.fates(hop, SOURCES[hop])["moved"]
        return PathRun(
            events=records,
            wall_s=round(max(ended_s.values()) - started_s, 2),
            hops={
                hop: _run(worker, accounts.rows(hop, SOURCES[hop]), before[hop], ended_s[hop] - started_s)
                for hop, worker in workers.items()
            },
            in_clickhouse=stand.counts(settings, "SELECT 'events', count() FROM events FINAL")["events"],
            fates={hop: accounts.fates(hop, SOURCES[hop]) for hop in HOPS},
        )


def start_all(stand: Stand, settings: Settings, everyone: ExitStack) -> dict[str, Worker]:
    """A worker of each hop, ready for work, against the stream: who is ready has nothing to do until accept is."""
    workers: dict[str, Worker] = {}
    for hop in reversed(HOPS):
        workers[hop] = everyone.enter_context(stand.worker(settings, hop))
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
