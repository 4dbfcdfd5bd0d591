"""Sends the known records to events.raw at a steady pace while other things happen."""

import threading
import time
from typing import Any

from pipeline.producer import plain_producer
from pipeline.settings import Settings
from tests.e2e.rig.events import record

__all__ = ["Feed"]

_TICK_S = 0.05
# A broker that is away for a minute refuses nothing; what it did not take waits, within bounds.
_PATIENT = {"message.timeout.ms": 0, "queue.buffering.max.messages": 20_000, "log_level": 0}


class Feed:
    """Record n goes to partition n modulo their number. What is counted as sent was acknowledged by the broker."""

    def __init__(self, settings: Settings, seed: int, per_second: int) -> None:
        self._settings = settings
        self._seed = seed
        self._per_tick = max(1, int(per_second * _TICK_S))
        self._topic = settings.topics.named("events.raw")
        self._next = 0
        self._acknowledged = 0
        self._refused: list[str] = []
        self._going = threading.Event()
        self._ending = threading.Event()
        self._quiet = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    @property
    def sent(self) -> int:
        """Records given to the broker so far; all of them acknowledged once the feed is paused."""
        return self._next

    def start(self) -> None:
        self._going.set()
        self._thread.start()

    def pause(self, within_s: float = 120.0) -> int:
        """Stop sending and wait for every acknowledgement; how many were sent. A new producer goes on after it."""
        self._quiet.clear()
        self._going.clear()
        if not self._quiet.wait(within_s):
            raise AssertionError(f"the broker did not take everything within {within_s} s")
        assert not self._refused, f"the broker refused records: {self._refused[:3]}"
        assert self._acknowledged == self._next, f"{self._next} sent, {self._acknowledged} acknowledged"
        return self._next

    def resume(self) -> None:
        self._going.set()

    def wait_for(self, count: int, within_s: float = 600.0) -> None:
        """Return when so many records were sent."""
        deadline = time.monotonic() + within_s
        while self._next < count:
            assert time.monotonic() < deadline, f"{self._next} of {count} records were sent within {within_s} s"
            time.sleep(0.1)

    def stop(self) -> None:
        """End the thread, whatever is under way."""
        self._ending.set()
        self._going.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def _run(self) -> None:
        while not self._ending.is_set():
            producer = plain_producer(self._settings, **_PATIENT)
            while self._going.is_set() and not self._ending.is_set():
                self._tick(producer)
            producer.flush(5 if self._ending.is_set() else 600)
            self._quiet.set()
            self._going.wait()

    def _tick(self, producer: Any) -> None:
        began = time.monotonic()
        for _ in range(self._per_tick):
            value = record(self._seed, self._next).value
            partition = self._next % self._settings.topics.raw_partitions
            try:
                producer.produce(self._topic, value, partition=partition, on_delivery=self._answered)
            except BufferError:
                break  # the broker is away: the queue is bounded, so the feed waits
            self._next += 1
        producer.poll(0)
        time.sleep(max(0.001, _TICK_S - (time.monotonic() - began)))

    def _answered(self, problem: Any, _message: Any) -> None:
        if problem is None:
            self._acknowledged += 1
        else:
            self._refused.append(str(problem))
