"""How far each hop is: what it has read, rejected and dropped, how fast, and what still lies before it. Pure.

Rows waiting before resolve and deliver are what the hop before has moved less what they have read, both by the
accounts; before accept, where a record is an offset, they are counted by offsets.
"""

from collections import deque
from collections.abc import Iterable, Mapping

import msgspec
from rich.table import Table

from pipeline.accounts import Account, LogAccount
from pipeline.outcome import DROPPED, MOVED, REJECTED
from pipeline.settings import Settings

__all__ = ["HopProgress", "Meter", "measure", "progress_table"]

WINDOW_S = 3.0
_BLOCKS = "▁▂▃▄▅▆▇█"


class HopProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One hop over the present logs. Rows are events; `rejected` of the first hop are records."""

    hop: str
    read: int
    moved: int
    rejected: int
    dropped: int
    lag: int
    """Rows that it has yet to read."""
    per_s: float = 0.0
    history: tuple[float, ...] = ()
    """The rates of the last looks, oldest first."""


def measure(
    settings: Settings, accounts: Iterable[Account], logs: Mapping[str, bytes], raw_ends: Mapping[int, int]
) -> list[HopProgress]:
    """Each hop's progress, in the order of the path. `raw_ends` are the ends of events.raw by partition."""
    named = settings.topics.named
    raw, accepted, prepared = named("events.raw"), named("events.accepted"), named("events.prepared")
    found = list(accounts)
    positions = {account.partition: log.position for account, log in _of(found, "accept", raw, logs)}
    waiting = sum(max(0, end - positions.get(partition, 0)) for partition, end in raw_ends.items())
    hops = [_summed("accept", (log for _, log in _of(found, "accept", raw, logs)), waiting)]
    moved_on = _moved_into(found, "accept", logs.get(accepted, b"").hex())
    hops.append(_behind("resolve", found, accepted, logs, moved_on))
    moved_on = _moved_into(found, "resolve", logs.get(prepared, b"").hex())
    hops += [
        _behind(f"deliver-{destination.name}", found, prepared, logs, moved_on) for destination in settings.destinations
    ]
    return hops


class Meter:
    """Turns counts at moments into rates. `now_s` is any clock that only goes forward."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}
        self._history: dict[str, deque[float]] = {}

    def rated(self, hops: Iterable[HopProgress], now_s: float) -> list[HopProgress]:
        """The same with rates over the last seconds."""
        return [self._rated(hop, now_s) for hop in hops]

    def _rated(self, hop: HopProgress, now_s: float) -> HopProgress:
        seen = self._seen.setdefault(hop.hop, deque())
        seen.append((now_s, hop.read))
        while now_s - seen[0][0] > WINDOW_S:
            seen.popleft()
        seconds = now_s - seen[0][0]
        per_s = (hop.read - seen[0][1]) / seconds if seconds > 0 else 0.0
        history = self._history.setdefault(hop.hop, deque(maxlen=16))
        history.append(per_s)
        return msgspec.structs.replace(hop, per_s=per_s, history=tuple(history))


def progress_table(hops: Iterable[HopProgress]) -> Table:
    """A table for a terminal, one line a hop."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("hop", style="bold", no_wrap=True)
    for name in ("read", "per second", "waiting", "rejected", "dropped"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for hop in hops:
        table.add_row(
            hop.hop,
            f"{hop.read:,}",
            f"{hop.per_s:,.0f}",
            f"{hop.lag:,}",
            f"[red]{hop.rejected:,}[/red]" if hop.rejected else "0",
            f"{hop.dropped:,}",
            f"[cyan]{_sparks(hop.history)}[/cyan]",
        )
    return table


def _of(
    accounts: Iterable[Account], hop: str, topic: str, logs: Mapping[str, bytes]
) -> Iterable[tuple[Account, LogAccount]]:
    """The hop's counts over the topic's present log."""
    present = logs.get(topic, b"").hex()
    for account in accounts:
        for log in account.logs:
            if account.hop == hop and log.topic == topic and log.log == present:
                yield account, log


def _summed(hop: str, logs: Iterable[LogAccount], lag: int) -> HopProgress:
    counts = {MOVED: 0, REJECTED: 0, DROPPED: 0}
    read = 0
    for log in logs:
        read += log.rows
        for kind, _, _, rows, _ in log.fates:
            counts[kind] += rows
    return HopProgress(
        hop=hop, read=read, moved=counts[MOVED], rejected=counts[REJECTED], dropped=counts[DROPPED], lag=lag
    )


def _behind(hop: str, accounts: list[Account], topic: str, logs: Mapping[str, bytes], moved_on: int) -> HopProgress:
    """A hop after another one. On a broker that shows aborted records more may be read than was moved."""
    found = _summed(hop, (log for _, log in _of(accounts, hop, topic, logs)), 0)
    return msgspec.structs.replace(found, lag=max(0, moved_on - found.read))


def _moved_into(accounts: Iterable[Account], hop: str, log: str) -> int:
    return sum(
        rows
        for account in accounts
        if account.hop == hop
        for found in account.logs
        for kind, _, detail, rows, _ in found.fates
        if kind == MOVED and detail == log
    )


def _sparks(rates: Iterable[float]) -> str:
    found = list(rates)
    top = max(found, default=0.0)
    return "".join(_BLOCKS[min(7, int(rate / top * 7.999))] for rate in found) if top > 0 else ""
