"""Reading a changelog whose beginning is let go meanwhile."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pipeline import catch_up as module
from pipeline.catch_up import catch_up
from pipeline.changelog import bundle_key, bundles
from pipeline.consumer import LogChanged
from pipeline.settings import Settings
from pipeline.stores import MemoryStore
from schemas.record import RawBatch

PLACE = ("state", 0)


class Log:
    """Offsets 0 to 99; `gone` was removed at 12, the state was written anew at 60."""

    def __init__(self, lows: list[int]) -> None:
        self.lows = lows
        self.reads: list[int] = []
        self.content = {5: {b"gone": b"1", b"kept": b"1"}, 12: {b"gone": None}, 60: {b"kept": b"1"}, 70: {b"new": b"1"}}

    def ends(self, *_: Any) -> tuple[int, int]:
        return self.lows.pop(0), 100

    def read(
        self, _settings: Settings, starts: Mapping[Any, int], _logs: Any, from_there: bool
    ) -> Iterator[tuple[RawBatch, int]]:
        assert from_there
        [start] = starts.values()
        self.reads.append(start)
        low = self.lows.pop(0)
        if start < low:
            raise LogChanged("cut")
        for offset, changes in self.content.items():
            if offset >= start:
                [bundle] = bundles(changes)
                yield RawBatch("state", b"", 0, [offset], [0], [bundle], [bundle_key(offset, 0)], [None]), offset + 1


def caught_up(monkeypatch: pytest.MonkeyPatch, lows: list[int]) -> tuple[dict[bytes, bytes], list[int]]:
    log, store = Log(lows), MemoryStore()
    store.apply({b"gone": b"1", b"kept": b"1"}, 10)
    monkeypatch.setattr(module, "log_end", log.ends)
    monkeypatch.setattr(module, "read_to_end", log.read)
    catch_up(Settings(), store, PLACE, {})
    return dict(store.items()), log.reads


@pytest.mark.parametrize(
    ("lows", "reads"),
    [
        ([0, 0], [10]),
        ([60, 60], [60]),
        ([0, 60, 60, 60], [10, 60]),
    ],
    ids=["nothing was cut", "cut before", "cut between two looks"],
)
def test_what_was_removed_stays_removed(monkeypatch: pytest.MonkeyPatch, lows: list[int], reads: list[int]) -> None:
    assert caught_up(monkeypatch, lows) == ({b"kept": b"1", b"new": b"1"}, reads)


def test_a_log_that_is_always_another_one_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LogChanged):
        caught_up(monkeypatch, [0, 60, 60, 70, 70, 80])
