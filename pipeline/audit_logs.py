"""The audit's view of Kafka: accounts, where the logs begin and end, and what stands in them."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from confluent_kafka import KafkaException

from pipeline.accounts import Account
from pipeline.audit_cut import Cut, take_cut
from pipeline.audit_facts import Facts, fact_lines, figures
from pipeline.consumer import LogReader, Place
from pipeline.ends import LogEnds
from pipeline.observer import Observer, settle_within_s, unsettled
from pipeline.settings import Settings
from schemas.batches import COMMAND_HEADER, check_headers
from schemas.outcomes import Retry
from schemas.record import RawBatch

__all__ = ["AuditLogs", "patiently"]

_Result = TypeVar("_Result")


class AuditLogs:
    """The audit's view of Kafka. One thread uses it; close it after use. Raises Retry, and LogChanged."""

    def __init__(self, settings: Settings) -> None:
        named = settings.topics.named
        self.settings = settings
        self.raw, self.accepted = named("events.raw"), named("events.accepted")
        self.prepared, self.rejected = named("events.prepared"), named("events.rejected")
        self.delivers = [f"deliver-{destination.name}" for destination in settings.destinations]
        self.readers = {self.accepted: ["resolve"], self.prepared: self.delivers, self.rejected: self.delivers}
        self.fact_readers = {
            named("identity.claims"): ["identify"],
            named("identity.mappings"): ["resolve", *self.delivers],
            named("person.changes"): ["people"],
            named("person.views"): ["resolve"],
            **{named(topic): self.delivers for topic in ("persons", "session.starts", "ingestion.warnings")},
        }
        self._observer = patiently(lambda: Observer(settings))
        self._ends = LogEnds(settings)

    @property
    def logs(self) -> dict[str, bytes]:
        """Every topic with its id."""
        return self._observer.logs

    def cut(self, kept: Mapping[str, Account]) -> Cut:
        """One cut. `kept` are accounts from elsewhere, for hops that the topic says nothing of."""
        return take_cut(lambda: patiently(self._observer.refresh), self, kept)

    def facts(self) -> tuple[list[Facts], bool]:
        """The facts as they stand, and whether they stood still while they were looked at."""
        before = patiently(self._observer.refresh)
        found = before.values()
        positions = {(one.hop, log.log, one.partition): log.position for one in found for log in one.logs}
        waiting: dict[tuple[str, str], int] = defaultdict(int)
        for topic, hops in self.fact_readers.items():
            log, low = self.logs[topic].hex(), self.starts(topic)
            ends = {(topic, partition): end for partition, end in self.ends(topic).items()}
            first = {
                place: max(low[place[1]], min(positions.get((hop, log, place[1]), 0) for hop in hops)) for place in ends
            }
            for batch in self.between(first, ends):
                for offset, headers in zip(batch.offsets, batch.headers, strict=True):
                    told = dict(headers or ())
                    rows, _ = (0, 0) if COMMAND_HEADER in told else check_headers(told)
                    for hop in hops:
                        behind = positions.get((hop, log, batch.partition), 0) <= offset < ends[topic, batch.partition]
                        waiting[topic, hop] += rows if behind else 0
        after = figures(patiently(self._observer.refresh).values())
        logs = {topic: self.logs[topic].hex() for topic in self.fact_readers}
        return fact_lines(after, logs, self.fact_readers, waiting), after == figures(found)

    def starts(self, topic: str) -> dict[int, int]:
        """The first offset of each partition."""
        return patiently(lambda: self._ends.starts(topic, self._partitions(topic)))

    def ends(self, topic: str) -> dict[int, int]:
        """The offset behind everything in each partition."""
        return patiently(lambda: self._ends.ends(topic, self._partitions(topic)))

    def between(self, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterator[RawBatch]:
        """All committed records of these ranges. Raises Retry when a transaction in there does not end."""
        deadline = time.monotonic() + settle_within_s(self.settings)
        behind = {place: ends[place] for place, start in starts.items() if start < ends[place]}
        reader = LogReader(self.settings)
        try:
            if behind:
                reader.assign({place: starts[place] for place in behind}, self.logs)
            while behind:
                batches = reader.read(0.05)
                yield from batches
                behind = {place: end for place, end in behind.items() if reader.position(place) < end}
                if batches:
                    deadline = time.monotonic() + settle_within_s(self.settings)
                elif time.monotonic() > deadline:
                    raise unsettled(behind)
        finally:
            reader.close()

    def close(self) -> None:
        self._observer.close()

    def _partitions(self, topic: str) -> int:
        return self.settings.topics.raw_partitions if topic == self.raw else self.settings.topics.partitions


def patiently(ask: Callable[[], _Result], within_s: float = 20.0) -> _Result:
    """Ask a broker again while it is between two leaders. Raises Retry when it does not come round."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return ask()
        except KafkaException as problem:
            if time.monotonic() > deadline:
                raise Retry(f"the broker does not say where its logs end: {problem.args[0]}") from problem
            time.sleep(0.3)
