"""How long resolve needs until it is ready when it has a million keys of state to read back."""

import hashlib
import time
from collections.abc import Mapping

import numpy

from pipeline.bench.result import Recovery
from pipeline.bench.stand import Stand
from pipeline.known import Known, KnownRules
from pipeline.ownership import Owned
from pipeline.routing import partitions_of, state_key
from pipeline.settings import Settings
from pipeline.topics import catalogue, topic_ids

__all__ = ["run_recovery", "write_state"]

UUIDS_PER_KEY = 3
KEYS_PER_COMMIT = 10_000


def run_recovery(stand: Stand, keys: int) -> Recovery:
    """Start resolve twice: with no state, and with so many keys in its changelog."""
    empty = stand.installation("recovery-empty")
    with stand.worker(empty, "resolve") as worker:
        started_s = time.monotonic()
        worker.wait_until_ready()
        empty_s = time.monotonic() - started_s
    full = stand.installation("recovery")
    write_state(full, keys)
    with stand.worker(full, "resolve") as worker:
        started_s = time.monotonic()
        cost = worker.wait_until_ready()
        recovery_s = time.monotonic() - started_s
    return Recovery(
        keys=keys,
        recovery_s=round(recovery_s, 2),
        empty_s=round(empty_s, 2),
        cpu_s=round(cost.cpu_s, 2),
        peak_mb=cost.peak_mb,
    )


def write_state(settings: Settings, keys: int) -> None:
    """The changelog that resolve would have written: so many distinct ids, each with a few uuids."""
    topic, count = settings.topics.named("events.accepted"), settings.topics.partitions
    logs = topic_ids(settings, [plan.name for plan in catalogue(settings)])
    names = [state_key(1, f"user-{number:07}") for number in range(keys)]
    homes = partitions_of(names, count)
    for partition in range(count):
        mine = [names[index] for index in numpy.flatnonzero(homes == partition)]
        owned = Owned(settings, "resolve", partition, [topic], logs)
        owned.open()
        try:
            for start in range(0, len(mine), KEYS_PER_COMMIT):
                changes = _remembered(settings, mine[start : start + KEYS_PER_COMMIT])
                owned.commit([], changes, owned.record(), publish=False)
        finally:
            owned.close()


def _remembered(settings: Settings, names: list[bytes]) -> Mapping[bytes, bytes | None]:
    """What resolve keeps about these distinct ids after a few events of each, just now."""
    known = Known(lambda _: None, KnownRules(dedup=settings.dedup, sessions=settings.sessions))
    now_s, ordinary = int(time.time()), [0] * len(names)
    for number in range(UUIDS_PER_KEY):
        uuids = [hashlib.blake2b(b"%d:%b" % (number, name), digest_size=16).digest() for name in names]
        known.learn(names, uuids, [now_s] * len(names), [now_s * 1_000_000 + number] * len(names), ordinary)
    return known.changes
