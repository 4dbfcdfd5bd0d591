"""Memory measured while ClickHouse answers nothing: deliver must hold what it has and take no more."""

import os
import signal
import time

import msgspec

from pipeline.bench.result import Stall
from pipeline.bench.stand import Stand
from pipeline.settings import Settings
from pipeline.topics import create_missing

__all__ = ["run_stall"]

WAKE_WAIT_S = 1.0


def run_stall(stand: Stand, settings: Settings, backlog: int, seconds: float) -> Stall:
    """Let a deliver of its own read the backlog in events.prepared from the beginning, with ClickHouse frozen."""
    # Its own group and state, the same topics: it delivers again what was delivered, under the same tokens.
    again = msgspec.structs.replace(settings, app=f"{settings.app}-stall")
    create_missing(again)
    sizes = []
    with stand.worker(again, "deliver-clickhouse") as worker:
        os.kill(stand.clickhouse_pid, signal.SIGSTOP)
        try:
            before = worker.wait_until_ready()
            started_s = time.monotonic()
            while time.monotonic() - started_s < seconds:
                time.sleep(1.0)
                sizes.append(worker.usage().resident_mb)
            peak_mb = worker.usage().peak_mb
        finally:
            os.kill(stand.clickhouse_pid, signal.SIGCONT)
        time.sleep(WAKE_WAIT_S)
    return Stall(
        stalled_s=seconds,
        backlog_events=backlog,
        before_mb=before.resident_mb,
        resident_mb=sizes,
        peak_mb=peak_mb,
    )
