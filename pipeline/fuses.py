"""Watches what every transformation costs, and takes out the one that costs too much before it stops the stream."""

import logging
from collections.abc import Mapping

from pipeline.steps import Tally

__all__ = ["Fuses", "FuseBlown"]

logger = logging.getLogger(__name__)

STRIKES = 3
"""One batch beyond its budget may be the machine's fault; so many in a row are not."""
BYTES_AN_EVENT = 500
"""So much of a batch may cost what an event may. Events have up to a megabyte, and to hash or to search one takes time
in proportion: a few that are valid would stop the worker, and those that come after it, for nothing that is stuck."""
LEAST_NS = 50_000_000
"""Less than 50 ms in a batch holds nothing up, whatever an event took."""

LEAST_HELD_S = 1.0
"""So long a step may hold up any batch."""


class FuseBlown(Exception):
    """A transformation that protects privacy costs too much: without it nothing may pass, so the worker stops."""


class Fuses:
    """One for each step, by its name. `budgets` are microseconds an event, on average over a batch; of a large one, for
    every 500 bytes."""

    def __init__(self, budgets: Mapping[str, int], private: frozenset[str]) -> None:
        self.blown: set[str] = set()
        """Steps to skip, until the worker is started again."""
        self.totals: dict[str, Tally] = {name: Tally() for name in budgets}
        """What every step has done since the worker started."""
        self._budgets = budgets
        self._private = private
        self._strikes = dict.fromkeys(budgets, 0)
        self._cut: dict[str, int] = {}
        """How many calls of a step were cut off, in this batch and those right before it."""
        self._fresh: set[str] = set()
        """Steps of which calls were cut off since the last look."""

    def is_beyond(self, name: str, rows: int, read_bytes: int, held_s: float) -> bool:
        """Whether a step has held up a batch for as long as all batches that would disable it may take together."""
        events = max(rows, read_bytes // BYTES_AN_EVENT)
        return held_s > STRIKES * max(LEAST_HELD_S, events * self._budgets[name] / 1e6)

    def cut_off(self, name: str, for_good: bool = False) -> None:
        """A call did not return in time; after STRIKES of them, or `for_good`, the step is skipped from the next on.

        For signal handlers: nothing is logged before `watch`.
        """
        self._cut[name] = STRIKES if for_good else self._cut.get(name, 0) + 1
        self._fresh.add(name)
        if self._cut[name] >= STRIKES:
            self.blown.add(name)

    def watch(self, tallies: Mapping[str, Tally], read_bytes: int = 0) -> None:
        """Take in what a batch of so many bytes cost. Raises FuseBlown."""
        for name, tally in tallies.items():
            self.totals[name] += tally
            if name in self._fresh:
                self._say(name)
            elif name not in self.blown:
                self._cut.pop(name, None)
                self._judge(name, tally, read_bytes // BYTES_AN_EVENT)

    def _say(self, name: str) -> None:
        """Calls of the step were cut off in this batch."""
        self._fresh.discard(name)
        if name not in self.blown:
            logger.error(
                "%s did not return in time (max_ms_per_call) and was cut off; after %d such calls it is disabled",
                name,
                STRIKES,
            )
        else:
            self._disable(name, f"{name} did not return in time, or held up a batch for far too long")

    def _disable(self, name: str, why: str) -> None:
        if name in self._private:
            raise FuseBlown(f"{why}; it protects privacy, so nothing passes without it: make it quicker")
        self.blown.add(name)
        logger.error("%s: it is DISABLED until the worker starts again; events go on without it", why)

    def _judge(self, name: str, tally: Tally, least: int) -> None:
        called = max(1, tally.asked)
        if tally.nanoseconds < LEAST_NS or tally.nanoseconds <= max(called, least) * self._budgets[name] * 1_000:
            self._strikes[name] = 0
            return
        self._strikes[name] += 1
        cost = f"{name} took {tally.nanoseconds / called / 1_000:.0f} µs an event, the budget is {self._budgets[name]}"
        if self._strikes[name] < STRIKES:
            logger.warning("%s (max_us_per_event); after %d such batches in a row it is disabled", cost, STRIKES)
        else:
            self._disable(name, cost)
