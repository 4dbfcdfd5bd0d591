"""Bad input measured: accept on the clean records and on the same with one hostile among so many, in one session."""

from pipeline.bench.drain import Accounts
from pipeline.bench.generator import expected, records
from pipeline.bench.hops import SOURCES, run_hop
from pipeline.bench.result import HopRun, Hostile
from pipeline.bench.stand import Stand
from pipeline.settings import Settings

__all__ = ["run_hostile", "EVERY"]

EVERY = 1_000


def run_hostile(stand: Stand, count: int, every: int = EVERY) -> Hostile:
    """accept once on clean records and once on hostile ones; then deliver, to see the rejected ones in the table."""
    clean = _accept(stand, stand.installation("clean"), count, 0)
    settings = stand.installation("hostile")
    hostile = _accept(stand, settings, count, every)
    wanted = expected(count, every)
    rejected = sum(rows for code, rows in wanted.items() if code not in ("moved", "duplicate"))
    with Accounts(settings) as accounts, stand.worker(settings, "deliver-clickhouse") as worker:
        accounts.wait_for("accept", SOURCES["accept"], count)
        counted = accounts.fates("accept", SOURCES["accept"])
        worker.wait_until_ready()
        if rejected:
            accounts.wait_for("deliver-clickhouse", "events.rejected", rejected, worker.usage)
    return Hostile(
        every=every,
        clean=clean,
        hostile=hostile,
        expected=wanted,
        counted=counted,
        in_table=stand.counts(settings, "SELECT code, count() FROM rejected_events FINAL GROUP BY code ORDER BY code"),
    )


def _accept(stand: Stand, settings: Settings, count: int, every: int) -> HopRun:
    stand.fill(settings, records(count, hostile_every=every))
    return run_hop(stand, settings, "accept", count)
