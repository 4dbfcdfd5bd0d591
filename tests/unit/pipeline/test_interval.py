"""The shell of accept and resolve, where it can be tried without a broker."""

import asyncio
from typing import Any

from pipeline.hops import IdentifyHop
from pipeline.interval import IntervalRunner
from pipeline.settings import Settings


class _Owned:
    """A partition that notes when it is given up."""

    def __init__(self, noted: list[str]) -> None:
        self._noted = noted

    def close(self) -> None:
        self._noted.append("partition")


class _Work:
    rows = bytes = 0

    def __init__(self, noted: list[str]) -> None:
        self.owned = _Owned(noted)


class _Hop(IdentifyHop):
    def __init__(self, noted: list[str]) -> None:
        super().__init__(Settings())
        self._noted = noted

    def close(self) -> None:
        self._noted.append("hop")


class _Ending(IntervalRunner):
    def _watch_the_end(self) -> None:
        """Would end the process of the tests."""


def test_the_hop_is_closed_when_no_batch_can_reach_it_any_more() -> None:
    noted: list[str] = []

    async def run() -> None:
        runner = _Ending(Settings(), _Hop(noted))
        work: dict[int, Any] = {0: _Work(noted), 1: _Work(noted)}
        runner.work = work
        await runner.close()

    asyncio.run(run())

    assert noted == ["partition", "partition", "hop"]
