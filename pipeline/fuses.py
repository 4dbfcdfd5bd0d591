"""Watches what every transformation costs, and takes out the one that costs too much before it stops the stream."""

import logging
from collections.abc import Mapping

from pipeline.steps import Tally

__all__ = ["Fuses", "FuseBlown"]

logger = logging.getLogger(__name__)

STRIKES = 3
"""One batch beyond its budget may be the machine's fault; so many in a row are not."""
LEAST_NS = 50_000_000
"""Less than 50 ms in a batch holds nothing up, whatever an event took."""


class FuseBlown(Exception):
    """A transformation that protects privacy costs too much: without it nothing may pass, so the worker stops."""


class Fuses:
    """One for each step, by its name. `budgets` are microseconds an event, on average over a batch."""

    def __init__(self, budgets: Mapping[str, int], private: frozenset[str]) -> None:
        self.blown: set[str] = set()
        """Steps to skip, until the worker is started again."""
        self.totals: dict[str, Tally] = {name: Tally() for name in budgets}
        """What every step has done since the worker started."""
        self._budgets = budgets
        self._private = private
        self._strikes = dict.fromkeys(budgets, 0)

    def watch(self, tallies: Mapping[str, Tally]) -> None:
        """Take in what a batch cost. Raises FuseBlown."""
        for name, tally in tallies.items():
            self.totals[name] += tally
            if name not in self.blown:
                self._judge(name, tally)

    def _judge(self, name: str, tally: Tally) -> None:
        called = max(1, tally.asked)
        if tally.nanoseconds < LEAST_NS or tally.nanoseconds <= called * self._budgets[name] * 1_000:
            self._strikes[name] = 0
            return
        self._strikes[name] += 1
        cost = f"{name} took {tally.nanoseconds / called / 1_000:.0f} µs an event, the budget is {self._budgets[name]}"
        if self._strikes[name] < STRIKES:
            logger.warning("%s (max_us_per_event); after %d such batches in a row it is disabled", cost, STRIKES)
        elif name in self._private:
            raise FuseBlown(f"{cost}; it protects privacy, so nothing passes without it: make it quicker")
        else:
            self.blown.add(name)
            logger.error("%s: it is DISABLED until the worker starts again; events go on without it", cost)
