"""The hops' progress, live: the accounts as they are published, and the ends of events.raw."""

import time

from pipeline.ends import LogEnds
from pipeline.following import Following
from pipeline.progress import HopProgress, Meter, measure
from pipeline.settings import Settings

__all__ = ["Watch"]


class Watch:
    """Looks at the hops, as often as it is asked to. One thread uses it; close it after use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ends = LogEnds(settings)
        self._following = Following(settings, self._ends)
        self._meter = Meter()
        self._following.catch_up()

    def look(self, wait_s: float) -> list[HopProgress]:
        """Each hop's progress after waiting so long for accounts; rates are over the looks of the last seconds."""
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            self._following.read(left_s)
        topic = self._settings.topics.named("events.raw")
        ends = self._ends.ends(topic, self._settings.topics.raw_partitions)
        hops = measure(self._settings, self._following.accounts.values(), self._following.logs, ends)
        return self._meter.rated(hops, time.monotonic())

    def close(self) -> None:
        self._following.close()
