"""Waiting until records can be queried: by positions, hop by hop, however much traffic comes after them.

A hop is through with a range when its accounts say that it stands past it. What it wrote in doing so stood in the
next log by then (one transaction holds both), so the ends of that log, taken at this moment, are what the next hop
must pass. Positions are not simply compared with ends: a log's last offsets may be control records, which nobody
ever reads; where a position lies below an end, the log itself is asked whether a record comes in between.
"""

import time
from collections.abc import Callable, Mapping

from pipeline.consumer import LogReader, Place
from pipeline.ends import LogEnds
from pipeline.following import Following
from pipeline.settings import Settings
from pipeline.topics import DELIVERED

__all__ = ["Arrival"]

LOOK_AGAIN_S = 0.15
PEEK_WITHIN_S = 1.0
_ORDER = (
    ("resolve", "events.accepted"),
    ("identify", "identity.claims"),
    ("resolve", "identity.mappings"),
    ("people", "person.changes"),
    ("resolve", "person.views"),
)
"""Each hop's answers come after what it answers to: what stands later here writes into nothing that stands before."""
_DELIVERED = tuple(topic for topic in DELIVERED if topic not in ("events.rejected", "accounts"))


class Arrival:
    """Follows records of events.raw through every hop into ClickHouse. One thread uses it; close it after use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._logs = LogEnds(settings)
        self._following = Following(settings, self._logs)
        self._reader = LogReader(settings)

    def wait(self, sent: Mapping[int, int], timeout_s: float, progress: Callable[[], None] = lambda: None) -> str:
        """Return when everything below the given offsets of events.raw is queryable, rejections included.

        `sent` maps partitions to the offset after the last record. The answer is empty, or says what was still
        pending when the time was over. `progress` is called at every look.
        """
        named = self._settings.topics.named
        deadline = time.monotonic() + timeout_s
        pending = self._until_past("accept", named("events.raw"), sent, deadline, progress)
        for hop, topic in _ORDER:
            pending = pending or self._next(hop, named(topic), deadline, progress)
        for destination in self._settings.destinations:
            # Last the rejected: delivering anything else may reject, too.
            for topic in (*_DELIVERED, "events.rejected"):
                pending = pending or self._next(f"deliver-{destination.name}", named(topic), deadline, progress)
        return pending

    def wait_for(self, hop: str, topic: str, timeout_s: float) -> str:
        """Return when the hop has read all that stands in the topic now; the answer is as that of `wait`."""
        return self._next(hop, topic, time.monotonic() + timeout_s, lambda: None)

    def close(self) -> None:
        self._following.close()
        self._reader.close()

    def _next(self, hop: str, topic: str, deadline: float, progress: Callable[[], None]) -> str:
        ends = self._logs.ends(topic, self._settings.topics.partitions)
        return self._until_past(hop, topic, ends, deadline, progress)

    def _until_past(
        self, hop: str, topic: str, ends: Mapping[int, int], deadline: float, progress: Callable[[], None]
    ) -> str:
        while True:
            self._following.read(LOOK_AGAIN_S)
            progress()
            positions = self._following.positions(hop, topic)
            behind = {p: (positions.get(p, 0), end) for p, end in ends.items() if positions.get(p, 0) < end}
            waiting = self._with_records(topic, behind)
            if not waiting:
                return ""
            if time.monotonic() > deadline:
                places = ", ".join(f"partition {p} from offset {behind[p][0]} to {behind[p][1]}" for p in waiting)
                return f"{hop} has not yet read all of {topic}: {places}"

    def _with_records(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> list[int]:
        """The partitions in whose range a record lies, and those for which it could not be told in time."""
        if not ranges:
            return []
        first = self._logs.starts(topic, max(ranges) + 1)
        starts: dict[Place, int] = {
            (topic, partition): max(position, first[partition])
            for partition, (position, end) in ranges.items()
            if first[partition] < end
        }
        self._reader.assign(starts, self._following.logs)
        open_places, waiting = set(starts), []
        give_up_at = time.monotonic() + PEEK_WITHIN_S
        while open_places and time.monotonic() < give_up_at:
            for batch in self._reader.read(0.05):
                if (batch.topic, batch.partition) in open_places:
                    open_places.discard((batch.topic, batch.partition))
                    if batch.offsets[0] < ranges[batch.partition][1]:
                        waiting.append(batch.partition)
            ended = {place for place in open_places if self._reader.position(place) >= ranges[place[1]][1]}
            open_places -= ended
        return sorted([*waiting, *(partition for _, partition in open_places)])
