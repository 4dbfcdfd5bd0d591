"""The law of a changelog that lets go of its beginning: what is left of it always holds the whole state."""

import random
from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from pipeline.changelog import COMMIT_KEY, Rounds, bundle_key, bundles, restore
from pipeline.stores import Changes, MemoryStore, over
from schemas.record import RawBatch

Record = tuple[bytes, bytes]
keys = st.integers(0, 30).map(lambda number: b"k%d" % number)
commits = st.lists(st.dictionaries(keys, st.one_of(st.none(), st.binary(max_size=8)), max_size=8), max_size=40)


class Log:
    """One partition of a changelog: offsets go on when its beginning is let go."""

    def __init__(self) -> None:
        self.low = 0
        self.records: list[Record] = []

    @property
    def end(self) -> int:
        return self.low + len(self.records)

    def cut(self, before: int) -> None:
        self.records, self.low = self.records[before - self.low :], before

    def batches(self, start: int) -> Iterator[tuple[RawBatch, int]]:
        for at, (key, value) in enumerate(self.records, self.low):
            if at >= start:
                yield RawBatch("state", b"", 0, [at], [0], [value], [key], [None]), at + 1


class Worker:
    """Owns the partition until it is replaced."""

    def __init__(self, log: Log, bytes_min: int) -> None:
        self.log, self.store = log, MemoryStore()
        size = restore(self.store, log.batches(0), isolated=True)
        self.overlay = over(self.store)
        self.rounds = Rounds(self.overlay.get, self.store.keys, bytes_min)
        self.rounds.start(log.end, size)

    def commit(self, changes: Changes) -> int | None:
        self.overlay.update(changes)
        written = self.rounds.share(self.overlay.freeze())
        for number, bundle in enumerate(bundles(written, bytes_max=20)):
            self.log.records.append((bundle_key(self.rounds.position, number), bundle))
        self.log.records.append((COMMIT_KEY, b"{}"))
        self.overlay.committed(self.log.end)
        return self.rounds.committed(self.log.end)


def run(found: list[dict[bytes, bytes | None]], bytes_min: int, chance: Callable[[], float]) -> tuple[Log, int]:
    log, cuts = Log(), 0
    worker = Worker(log, bytes_min)
    state: dict[bytes, bytes] = {}
    for changes in found:
        before = worker.commit(changes)
        state = {key: value for key, value in {**state, **changes}.items() if value is not None}
        if before is not None and chance() < 0.8:  # a broker may fail to cut
            log.cut(before)
            cuts += 1
        assert state == {key: value for key, value in Worker(log, bytes_min).store.items() if key != COMMIT_KEY}
        if chance() < 0.1:
            worker = Worker(log, bytes_min)
    return log, cuts


@given(commits, st.integers(1, 200), st.randoms(use_true_random=False))
def test_whatever_was_let_go_the_rest_restores_the_state(
    found: list[dict[bytes, bytes | None]], bytes_min: int, chance: random.Random
) -> None:
    run(found, bytes_min, chance.random)


def test_the_log_stays_within_some_times_the_state() -> None:
    changes = [{b"key-%04d" % (number * 7 % 1000): b"v" * 100} for number in range(20_000)]
    log, longest = Log(), 0
    worker = Worker(log, 10_000)
    for one in changes:
        before = worker.commit(one)
        if before is not None:
            log.cut(before)
        longest = max(longest, sum(len(value) for _, value in log.records))

    assert log.low > 0
    assert longest < 5 * 1000 * 120


def test_a_removed_key_does_not_come_back_when_it_was_due_to_be_written_anew() -> None:
    log = Log()
    worker = Worker(log, 1)
    worker.commit({b"k%d" % number: b"1" for number in range(200)})
    before = None
    for number in range(200):
        before = before or worker.commit({b"k%d" % number: None})
        if before is not None:
            log.cut(before)
            break
    assert before is not None
    again = dict(Worker(log, 1).store.items())
    del again[COMMIT_KEY]
    assert again == dict(worker.store.items())
