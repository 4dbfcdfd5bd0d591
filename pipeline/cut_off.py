"""Cuts off a call into a transformation that does not return, or a step that holds up a batch for far too long.

While a batch is worked on, a timer's signal comes four times a second. Found in the same call for as long as its
`max_ms_per_call` says, it raises `CutOff` inside the call: that costs the event what the step's `on_error` says. Ticks
are counted instead of looking at a clock, because a process that was paused gets one tick for the whole pause.

Python runs signal handlers between two bytecodes, and its regular expressions and sleeps look for signals as well. What
hangs in other code outside Python cannot be ended: the group notices, for this worker sends no heartbeats.
"""

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from pipeline.fuses import Fuses
from pipeline.hard_stop import stop_now
from pipeline.steps import MANY, CutOff, TransformRules, Watch
from pipeline.transform_list import Opened
from schemas.limits import Limits

__all__ = ["Alarm", "guarded"]

TICK_S = 0.25
"""Nothing is cut off sooner; a batch takes some milliseconds, so most never see a tick."""
TRIES = 3
"""A call that catches everything, and goes on so many times, ends with its process."""


def guarded(opened: Opened, limits: Limits, growth_max: int | None = None) -> tuple[TransformRules, Fuses]:
    """Rules under which no step holds up the process for long, nor lets a batch grow by more than so many bytes."""
    fuses = Fuses(opened.budgets, opened.private)
    alarm = Alarm(opened.limits_ms, fuses)
    return TransformRules(opened.steps, limits, time.perf_counter_ns, fuses.blown, growth_max, alarm), fuses


class Alarm(Watch):
    """Looks four times a second. `limits_ms` are those of a call, by the step's name."""

    __slots__ = ("_before", "_fuses", "_held", "_limits_ms", "_read", "_ticks", "_tries")

    def __init__(self, limits_ms: Mapping[str, int], fuses: Fuses) -> None:
        super().__init__()
        self._limits_ms = limits_ms
        self._fuses = fuses
        self._read = (0, 0)
        self._before = (0, 0)
        """The call that the last look found."""
        self._ticks = self._tries = 0
        self._held: dict[str, int] = {}
        """Ticks by step, in this batch."""

    @contextmanager
    def over(self, rows: int, read_bytes: int) -> Iterator[None]:
        """Signals come to the main thread: in another one nothing is watched."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._read, self._before, self._held = (rows, read_bytes), (0, 0), {}
        handler = signal.signal(signal.SIGALRM, self._tick)
        timer = signal.setitimer(signal.ITIMER_REAL, TICK_S, TICK_S)
        try:
            yield
        finally:
            self.call = -1
            signal.setitimer(signal.ITIMER_REAL, *timer)
            signal.signal(signal.SIGALRM, handler)

    def _tick(self, _signal: int, _frame: FrameType | None) -> None:
        """Nothing is logged here: what was interrupted may hold the log's lock."""
        if self.call < 0:
            return
        held = self._held[self.step] = self._held.get(self.step, 0) + 1
        here = (self.begun, self.call)
        if here != self._before:
            self._before, self._ticks, self._tries = here, 0, 0
        else:
            self._ticks += 1
        if self._fuses.is_beyond(self.step, *self._read, held * TICK_S):
            self._fuses.cut_off(self.step, for_good=True)
            self._cut()
        elif self._ticks * TICK_S * 1000 >= self._limits_ms[self.step]:
            # One of many calls is made again alone, and counts only then: it may not be the one that took long.
            if self._tries == 0 and self.call != MANY:
                self._fuses.cut_off(self.step)
            self._cut()

    def _cut(self) -> None:
        self._ticks = 0
        self._tries += 1
        if self._tries > TRIES:
            problem = f"{self.step} does not return, and catches what is to end it: correct it"
            stop_now("accept", RuntimeError(problem))
        raise CutOff
