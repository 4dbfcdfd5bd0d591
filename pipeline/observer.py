"""What the hops have done and what still lies before them: the accounts, and the logs beyond their positions."""

from collections.abc import Iterator

import msgspec

from pipeline.accounts import Account, LogAccount, decode_account
from pipeline.consumer import LogReader, Place, read_to_end
from pipeline.settings import Settings
from pipeline.topics import catalogue, topic_ids
from schemas.batches import check_headers

__all__ = ["Ahead", "Observer"]

_MASK = 0xFFFFFFFFFFFFFFFF


class Ahead(msgspec.Struct):
    """What lies in one log beyond a hop's position, counted in the log itself."""

    rows: int = 0
    sum: int = 0


class Observer:
    """Reads the accounts as they are published. One thread uses it; close it after use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.accounts: dict[str, Account] = {}
        self.logs = topic_ids(settings, [plan.name for plan in catalogue(settings)])
        self._topic = settings.topics.named("accounts")
        self._reader = LogReader(settings)
        self._places = [(self._topic, partition) for partition in range(settings.topics.partitions)]
        self._lows = {place: self._reader.end(*place)[0] for place in self._places}
        self._reader.assign(self._lows, self.logs)

    def hops(self) -> dict[str, tuple[str, ...]]:
        """Each hop with the topics it reads, accounts left out."""
        named = self.settings.topics.named
        found: dict[str, tuple[str, ...]] = {
            "accept": (named("events.raw"),),
            "resolve": (named("events.accepted"),),
        }
        for destination in self.settings.destinations:
            found[f"deliver-{destination.name}"] = (named("events.prepared"), named("events.rejected"))
        return found

    def refresh(self) -> dict[str, Account]:
        """The newest account of every hop and partition, by `<hop>:<partition>`, as of the call."""
        ends = {place: end for place in self._places if (end := self._reader.end(*place)[1]) > self._lows[place]}
        while any(self._reader.position(place) < end for place, end in ends.items()):
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

    def ahead(self) -> dict[tuple[str, str], Ahead]:
        """Per hop and topic, the rows beyond its positions, by reading the logs from there to their ends."""
        found: dict[tuple[str, str], Ahead] = {}
        for hop, topics in self.hops().items():
            for topic in topics:
                found[(hop, topic)] = self._beyond(hop, topic)
        return found

    def close(self) -> None:
        self._reader.close()

    def _beyond(self, hop: str, topic: str) -> Ahead:
        raw = topic == self.settings.topics.named("events.raw")
        count = self.settings.topics.raw_partitions if raw else self.settings.topics.partitions
        positions: dict[Place, int] = {(topic, partition): 0 for partition in range(count)}
        positions.update({(topic, partition): log.position for partition, log in self.live(hop, topic)})
        total = Ahead()
        for batch, _ in read_to_end(self.settings, positions, self.logs):
            if raw:
                total.rows += len(batch)
                continue
            for headers in batch.headers:
                rows, uuid_sum = check_headers(dict(headers or ()))
                total.rows += rows
                total.sum = (total.sum + uuid_sum) & _MASK
        return total
