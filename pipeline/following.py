"""The accounts as they are published: the newest of every hop and partition, kept current by reading the topic."""

import time
from collections.abc import Iterable, Iterator

from pipeline.accounts import Account, LogAccount, decode_account
from pipeline.consumer import LogReader
from pipeline.ends import LogEnds
from pipeline.settings import Settings
from pipeline.topics import catalogue, topic_ids
from schemas.outcomes import Retry
from schemas.record import RawBatch

__all__ = ["Following"]


class Following:
    """Follows the topic `accounts`. One thread uses it; close it after use. Raises Retry when topics are missing."""

    def __init__(self, settings: Settings, ends: LogEnds) -> None:
        self.accounts: dict[str, Account] = {}
        self.logs = _logs(settings)
        topic = settings.topics.named("accounts")
        self._reader = LogReader(settings)
        starts = ends.starts(topic, settings.topics.partitions)
        self._reader.assign({(topic, partition): start for partition, start in starts.items()}, self.logs)

    def read(self, wait_s: float) -> dict[str, Account]:
        """What is known after waiting at most so long for something new; by `<hop>:<partition>`."""
        self._take(self._reader.read(wait_s))
        return self.accounts

    def catch_up(self, quiet_s: float = 0.3, within_s: float = 30.0) -> None:
        """Read what is already there: until nothing more comes for a moment."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            batches = self._reader.read(quiet_s)
            if not batches:
                return
            self._take(batches)

    def positions(self, hop: str, topic: str) -> dict[int, int]:
        """The next offset the hop reads in each partition of the topic's present log, where it has said one."""
        return {partition: log.position for partition, log in self.live(hop, topic)}

    def live(self, hop: str, topic: str) -> Iterator[tuple[int, LogAccount]]:
        """The hop's counts over the topic's present log, with the partition."""
        for account in self.accounts.values():
            for log in account.logs:
                if account.hop == hop and log.topic == topic and log.log == self.logs[topic].hex():
                    yield account.partition, log

    def close(self) -> None:
        self._reader.close()

    def _take(self, batches: Iterable[RawBatch]) -> None:
        for batch in batches:
            for key, value in zip(batch.keys, batch.values, strict=True):
                if key and value:
                    self.accounts[key.decode()] = decode_account(value)


def _logs(settings: Settings) -> dict[str, bytes]:
    names = [plan.name for plan in catalogue(settings)]
    found = topic_ids(settings, names)
    missing = [name for name in names if name not in found]
    if missing:
        raise Retry(f"topics {', '.join(missing)} do not exist: create them with headrace topics create")
    return found
