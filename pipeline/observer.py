"""The accounts as they are published: the newest of every hop and partition."""

import time
from collections.abc import Iterator

from pipeline.accounts import Account, LogAccount, decode_account
from pipeline.consumer import LogReader, Place
from pipeline.ends import LogEnds
from pipeline.settings import Settings
from pipeline.topics import catalogue, topic_ids
from schemas.outcomes import Retry

__all__ = ["Observer", "settle_within_s", "unsettled"]


class Observer:
    """Reads the accounts. One thread uses it; close it after use. Raises Retry when topics are missing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.accounts: dict[str, Account] = {}
        names = [plan.name for plan in catalogue(settings)]
        self.logs = topic_ids(settings, names)
        missing = [name for name in names if name not in self.logs]
        if missing:
            raise Retry(f"topics {', '.join(missing)} do not exist: create them with headrace topics create")
        self._topic = settings.topics.named("accounts")
        self._ends = LogEnds(settings)
        self._reader = LogReader(settings)
        count = settings.topics.partitions
        starts = self._ends.starts(self._topic, count)
        self._lows: dict[Place, int] = {(self._topic, partition): starts[partition] for partition in range(count)}
        self._reader.assign(self._lows, self.logs)

    def refresh(self) -> dict[str, Account]:
        """The newest account of every hop and partition, by `<hop>:<partition>`, as of the call.

        Waits for the transactions that are open at the call, which a dead worker's successor or their time limit
        ends: behind one, what others have committed long ago would still be hidden. Raises Retry.
        """
        deadline = time.monotonic() + settle_within_s(self.settings)
        ends = self._ends.ends(self._topic, self.settings.topics.partitions)
        behind = {(self._topic, partition): end for partition, end in ends.items()}
        behind = {place: end for place, end in behind.items() if end > self._lows[place]}
        while behind := {place: end for place, end in behind.items() if self._reader.position(place) < end}:
            if time.monotonic() > deadline:
                raise unsettled(behind)
            for batch in self._reader.read(0.05):
                for key, value in zip(batch.keys, batch.values, strict=True):
                    if key and value:
                        self.accounts[key.decode()] = decode_account(value)
        return dict(self.accounts)

    def live(self, hop: str, topic: str) -> Iterator[tuple[int, LogAccount]]:
        """(partition, account) of the topic's present log, for every partition the hop has read of it."""
        for account in self.accounts.values():
            if account.hop == hop:
                for log in account.logs:
                    if log.topic == topic and log.log == self.logs[topic].hex():
                        yield account.partition, log

    def close(self) -> None:
        self._reader.close()


def settle_within_s(settings: Settings) -> float:
    """The broker aborts a transaction at its time limit, which it looks at every 10 s; and something for the way."""
    return settings.commit.transaction_timeout_s + 15.0


def unsettled(behind: dict[Place, int]) -> Retry:
    """Somebody's transaction does not end: what is behind it can be neither counted nor missed."""
    places = ", ".join(f"{topic}[{partition}]" for topic, partition in sorted(behind))
    return Retry(
        f"a transaction stays open on {places}, so nobody can tell what is behind it; ask again, and if it remains, "
        "end it with Kafka's own kafka-transactions.sh find-hanging and abort"
    )
