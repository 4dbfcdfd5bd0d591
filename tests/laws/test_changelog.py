"""The law of a changelog that lets go of its beginning: what is left of it always holds the whole state."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import changelog
from pipeline.changelog import COMMIT_KEY, ROUNDS_KEY, Rounds, bundle_key, bundles, restore
from pipeline.stores import Changes, MemoryStore, RocksStore, over
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

    def __init__(self, log: Log, bytes_min: int, store: MemoryStore | RocksStore | None = None) -> None:
        self.log, self.store = log, store or MemoryStore()
        if self.store.position() < log.low:
            self.store.clear()
        size = restore(self.store, log.batches(self.store.position()), isolated=True)
        self.overlay = over(self.store)
        self.rounds = Rounds(self.overlay.get, self.store.keys, bytes_min)
        self.rounds.start(log.end, size, self.store.get(ROUNDS_KEY))

    def commit(self, changes: Changes) -> int | None:
        self.overlay.update(changes)
        written = self.rounds.share(self.overlay.freeze())
        for number, bundle in enumerate(bundles(written, bytes_max=20)):
            self.log.records.append((bundle_key(self.rounds.position, number), bundle))
        self.log.records.append((COMMIT_KEY, b"{}"))
        self.rounds.wrote(2)
        before = self.rounds.committed(self.log.end)
        if isinstance(self.store, RocksStore):
            self.overlay.also(ROUNDS_KEY, self.rounds.note())
        self.overlay.committed(self.log.end)
        return before


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


@contextmanager
def keys_at_least(count: int) -> Iterator[None]:
    """Few, so that a round takes several commits."""
    before, changelog._KEYS_MIN = changelog._KEYS_MIN, count
    try:
        yield
    finally:
        changelog._KEYS_MIN = before


@given(commits, st.integers(1, 200), st.integers(1, 40), st.randoms(use_true_random=False))
def test_whatever_was_let_go_the_rest_restores_the_state(
    found: list[dict[bytes, bytes | None]], bytes_min: int, keys_min: int, chance: random.Random
) -> None:
    with keys_at_least(keys_min):
        run(found, bytes_min, chance.random)


def test_rounds_last_for_several_commits_and_end() -> None:
    found = [{b"k%d" % (number % 30): b"v%d" % number} for number in range(200)]
    with keys_at_least(1):
        log, cuts = run(found, 50, lambda: 0.5)

    assert cuts > 1
    assert log.low > 0


@pytest.mark.parametrize("seed", range(12))
def test_folders_on_disk_that_were_away_are_right_again(tmp_path: Path, seed: int) -> None:
    chance, log, state = random.Random(seed), Log(), {}
    late: list[int] = []
    for turn in range(12):
        folder = tmp_path / str(chance.randrange(2))
        with keys_at_least(chance.randint(1, 20)):
            worker = Worker(log, 60, RocksStore(folder, b"log"))
            for _ in range(chance.randint(1, 25)):
                value = chance.choice([None, b"%d" % turn, b"x" * 9])
                changes = {b"k%d" % chance.randrange(25): value}
                before = worker.commit(changes)
                state = {key: one for key, one in {**state, **changes}.items() if one is not None}
                late += [before] if before is not None else []
                if late and chance.random() < 0.3:  # it may be a fenced worker that cuts, long after
                    log.cut(max(log.low, late.pop(0)))
            found = {key: value for key, value in worker.store.items() if key != COMMIT_KEY}
            worker.rounds.close()
            worker.store.close()
        assert found == state


def test_a_commit_takes_along_no_more_bytes_than_it_has_changed_or_a_megabyte() -> None:
    store = MemoryStore()
    store.apply({b"v%d" % number: b"x" * 60_000 for number in range(200)}, 1)
    rounds = Rounds(store.get, store.keys, 1)

    share = rounds.share({b"d%d" % number: b"small" for number in range(4_000)})

    assert sum(len(value or b"") for value in share.values()) < 1_200_000
    assert rounds.committed(9) is None


def test_records_of_commits_count_as_what_the_log_has_grown_by() -> None:
    store = MemoryStore()
    store.apply({b"a": b"1"}, 1)
    rounds = Rounds(store.get, store.keys, 10_000)
    cuts = []
    for number in range(20):
        rounds.share({b"a": b"%d" % number})
        rounds.wrote(3_000)
        cuts += [number] if rounds.committed(10 * number) is not None else []

    assert cuts[0] == 4


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
    assert longest < 6 * 1000 * 120


def test_the_log_of_a_store_on_disk_is_cut_however_often_its_worker_starts(tmp_path: Path) -> None:
    log, longest = Log(), 0
    with keys_at_least(2):
        for _ in range(200):
            worker = Worker(log, 2_000, RocksStore(tmp_path / "state", b"log"))
            for number in range(5):
                before = worker.commit({b"k%d" % number: b"v" * 200})
                if before is not None:
                    log.cut(before)
            worker.rounds.close()
            worker.store.close()
            longest = max(longest, sum(len(value) for _, value in log.records))

    assert longest < 10_000


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
