"""How far the hops are, from the accounts they publish: when a backlog is worked off, and what became of it."""

import time
from collections.abc import Callable
from types import TracebackType

from pipeline.ends import LogEnds
from pipeline.following import Following
from pipeline.settings import Settings
from schemas.outcomes import Retry

__all__ = ["Accounts"]

STUCK_S = 120.0
"""No row more in so long: something is wrong, and waiting would not help."""
_WAIT_S = 0.1


class Accounts:
    """The accounts of one installation. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._following = Following(settings, LogEnds(settings))

    def __enter__(self) -> "Accounts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._following.close()

    def rows(self, hop: str, topic: str) -> int:
        """Rows of the topic that the hop has committed, as far as it was read."""
        name = self._settings.topics.named(topic)
        found = (account for account in self._following.accounts.values() if account.hop == hop)
        return sum(log.rows for account in found for log in account.logs if log.topic == name)

    def latest_rows(self, hop: str, topic: str) -> int:
        """The same, with everything that was published up to now."""
        self.catch_up()
        return self.rows(hop, topic)

    def read_by(self, hop: str) -> int:
        """Rows of all topics that the hop has committed, its accounts' own left out."""
        found = (account for account in self._following.accounts.values() if account.hop == hop)
        return sum(log.rows for account in found for log in account.logs if not log.topic.endswith("accounts"))

    def catch_up(self) -> None:
        """Read what was published up to now."""
        self._following.catch_up()

    def fates(self, hop: str, topic: str) -> dict[str, int]:
        """How many rows of the topic ended in each way: `moved`, `duplicate`, a rejection code."""
        log_name = self._settings.topics.named(topic)
        total: dict[str, int] = {}
        found = (account for account in self._following.accounts.values() if account.hop == hop)
        for log in (log for account in found for log in account.logs if log.topic == log_name):
            for kind, _, detail, rows, _ in log.fates:
                fate = kind if kind == "moved" else detail
                total[fate] = total.get(fate, 0) + rows
        return total

    def wait_for(self, hop: str, topic: str, rows: int, meanwhile: Callable[[], object] = lambda: None) -> float:
        """Return when the hop has committed so many rows of the topic: the monotonic time when that was seen.

        Raises Retry when it makes no progress, or went too far.
        """
        done, since = -1, time.monotonic()
        while True:
            self._following.read(_WAIT_S)
            now = self.rows(hop, topic)
            if now == rows:
                return time.monotonic()
            if now > rows:
                raise Retry(f"{hop} has read {now} rows of {topic} where there are {rows}: is another worker running?")
            if now > done:
                done, since = now, time.monotonic()
            elif time.monotonic() - since > STUCK_S:
                raise Retry(f"{hop} has read {now} of {rows} rows of {topic} and none in {STUCK_S:.0f} s: see its log")
            meanwhile()
