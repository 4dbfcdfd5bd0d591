"""Takes one consistent cut of the path while everything moves, so that a moving pipeline raises no false alarm.

1. The accounts are read, and taken for resolve and deliver. Both are of one partition, whose accounts stand in one
   log: whoever has read something stands behind the account of who wrote it.
2. The accounts are read once more, and taken for accept, which writes to every partition: by now they cover
   whatever resolve had read in step 1.
3. The logs are read from the hops' positions to where they end now. By now they hold whatever the accounts of the
   cut say was written. What was written since is left out: every row names the place it was made from, and that is
   before the writer's position in the cut, or it is not.

Each time the end is the offset behind everything there is, open transactions included, and it is waited until they
are decided: a dead worker's transaction hides what others have committed behind it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import msgspec

from pipeline.accounts import Account, LogAccount
from pipeline.audit_evidence import RawLog, Waiting
from pipeline.audit_origin import Origins
from schemas.batches import check_headers
from schemas.record import RawBatch

__all__ = ["Cut", "Logs", "take_cut"]

Place = tuple[str, int]
"""A topic's name and a partition."""
_MASK = 0xFFFFFFFFFFFFFFFF


class Logs(Protocol):
    """What must be known of the logs."""

    raw: str
    """The name of events.raw."""
    readers: dict[str, list[str]]
    """The hops that read each topic between hops."""

    @property
    def logs(self) -> Mapping[str, bytes]:
        """Topics with their ids."""

    def starts(self, topic: str) -> dict[int, int]:
        """The first offset of each partition."""

    def ends(self, topic: str) -> dict[int, int]:
        """The offset behind everything in each partition, open transactions included."""

    def between(self, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterator[RawBatch]:
        """All committed records of these ranges, once everything in them is decided; perhaps some behind them."""


class Cut(msgspec.Struct, frozen=True):
    """The accounts of every hop at one moment of the path, and what lies in the logs beyond them."""

    accounts: list[Account]
    waiting: list[Waiting]
    raw: list[RawLog]


def take_cut(look: Callable[[], Mapping[str, Account]], logs: Logs, kept: Mapping[str, Account]) -> Cut:
    """One cut. `look` reads the accounts as of its call; `kept` are accounts for hops that it says nothing of."""
    near, far = look(), look()
    found = {key: account for key, account in near.items() if account.hop != "accept"}
    found |= {key: account for key, account in far.items() if account.hop == "accept"}
    return _Beyond(logs, list(({**kept} | found).values())).read()


class _Beyond:
    """What lies before the hops of a cut."""

    def __init__(self, logs: Logs, accounts: list[Account]) -> None:
        self._logs = logs
        self._accounts = accounts
        self._origins = Origins(accounts)
        self._rows: dict[tuple[str, str, int], int] = defaultdict(int)
        self._sums: dict[tuple[str, str, int], int] = defaultdict(int)

    def read(self) -> Cut:
        logs = self._logs
        readers = {topic: hops for topic, hops in {logs.raw: ["accept"], **logs.readers}.items() if hops}
        first: dict[Place, int] = {}
        starts: dict[Place, int] = {}
        ends: dict[Place, int] = {}
        for topic, hops in readers.items():
            low, end = logs.starts(topic), logs.ends(topic)
            for partition in end:
                place = (topic, partition)
                first[place], ends[place] = low[partition], end[partition]
                starts[place] = max(low[partition], min(self._position(hop, place) for hop in hops))
        for batch in logs.between(starts, ends):
            self._take(batch, readers[batch.topic], ends[batch.topic, batch.partition])
        waiting = [self._waiting(hop, place, first[place]) for place in ends for hop in logs.readers.get(place[0], [])]
        raw = [self._raw(place, first[place]) for place in ends if place[0] == logs.raw]
        return Cut(self._accounts, waiting, raw)

    def _position(self, hop: str, place: Place) -> int:
        return self._origins.position(hop, place[1], self._logs.logs[place[0]].hex())

    def _take(self, batch: RawBatch, hops: list[str], end: int) -> None:
        place = (batch.topic, batch.partition)
        for hop in hops:
            position = self._position(hop, place)
            if batch.topic == self._logs.raw:
                self._rows[hop, *place] += sum(position <= offset < end for offset in batch.offsets)
                continue
            for index, offset in enumerate(batch.offsets):
                if position <= offset < end and self._origins.writer(batch.topic, batch.values[index] or b""):
                    rows, uuid_sum = check_headers(dict(batch.headers[index] or ()))
                    self._rows[hop, *place] += rows
                    self._sums[hop, *place] = (self._sums[hop, *place] + uuid_sum) & _MASK

    def _waiting(self, hop: str, place: Place, first: int) -> Waiting:
        topic, partition = place
        key = (hop, topic, partition)
        removed = max(0, first - self._position(hop, place))
        log = self._logs.logs[topic].hex()
        return Waiting(topic, log, partition, hop, self._rows[key], self._sums[key], removed)

    def _raw(self, place: Place, first: int) -> RawLog:
        topic, partition = place
        log = self._logs.logs[topic].hex()
        blank = LogAccount(topic, log, first, start=first)
        known = {
            account.partition: found
            for account in self._accounts
            if account.hop == "accept"
            for found in account.logs
            if found.log == log
        }
        return RawLog(partition, known.get(partition, blank), self._rows["accept", topic, partition], first)
