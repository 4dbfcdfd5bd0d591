"""Recovery: a changelog applied in whole batches, with and without a broker that isolates transactions."""

from collections.abc import Iterator

from pipeline.changelog import BEGIN_KEY, COMMIT_KEY, bundle_key, bundles, restore
from pipeline.stores import MemoryStore
from schemas.record import RawBatch

Record = tuple[bytes, bytes | None]


def changelog(*batches: list[Record]) -> Iterator[tuple[RawBatch, int]]:
    offset = 0
    for records in batches:
        count = len(records)
        keys, values = [key for key, _ in records], [value for _, value in records]
        offsets = list(range(offset, offset + count))
        offset += count
        yield RawBatch("state", b"", 0, offsets, [0] * count, values, keys, [None] * count), offset


def restored(*batches: list[Record], isolated: bool) -> dict[bytes, bytes]:
    store = MemoryStore()
    restore(store, changelog(*batches), isolated=isolated)
    return dict(store.items())


def test_the_last_value_of_a_key_counts_and_a_tombstone_removes_it() -> None:
    found = restored([(b"a", b"1"), (b"b", b"1")], [(b"a", b"2"), (b"b", None), (COMMIT_KEY, b"{}")], isolated=True)

    assert found == {b"a": b"2", COMMIT_KEY: b"{}"}


def test_a_log_may_begin_with_keys_whose_commit_record_is_in_another_batch() -> None:
    assert restored([(b"a", b"1")], isolated=True) == {b"a": b"1"}


def test_a_broker_that_shows_aborted_records_gives_a_transaction_only_with_its_commit_record() -> None:
    whole = [(BEGIN_KEY, b""), (b"a", b"1"), (COMMIT_KEY, b"1")]
    aborted = [(BEGIN_KEY, b""), (b"a", b"bad"), (b"b", b"bad")]
    after = [(BEGIN_KEY, b""), (b"c", b"3"), (COMMIT_KEY, b"2")]

    found = restored(whole, aborted, after, isolated=False)

    assert found == {b"a": b"1", b"c": b"3", COMMIT_KEY: b"2"}


def test_a_transaction_may_be_cut_by_batches_anywhere() -> None:
    records: list[Record] = [(BEGIN_KEY, b""), (b"a", b"1"), (b"b", b"2"), (COMMIT_KEY, b"1")]

    for at in range(len(records) + 1):
        assert restored(records[:at], records[at:], isolated=False) == {b"a": b"1", b"b": b"2", COMMIT_KEY: b"1"}


def test_a_store_has_read_up_to_the_commit_record_and_not_what_stands_behind_it() -> None:
    store = MemoryStore()
    records: list[Record] = [(BEGIN_KEY, b""), (b"a", b"1"), (COMMIT_KEY, b"1"), (BEGIN_KEY, b""), (b"b", b"2")]

    restore(store, changelog(records), isolated=False)
    assert store.position() == 3
    restore(store, [(RawBatch("state", b"", 0, [5], [0], [b"2"], [COMMIT_KEY], [None]), 6)], isolated=False)

    assert store.position() == 6


def test_bundled_keys_are_restored_like_single_ones() -> None:
    changes = {b"a": b"1", b"large": b"x" * 50, b"gone": None, b"\xff\x00": b""}
    found = list(bundles(changes, bytes_max=10))
    records: list[Record] = [(BEGIN_KEY, b""), (b"gone", b"1"), (COMMIT_KEY, b"1"), (BEGIN_KEY, b"")]
    records += [*((bundle_key(7, number), bundle) for number, bundle in enumerate(found)), (COMMIT_KEY, b"2")]

    assert len(found) == 2
    assert restored(records, isolated=False) == {b"a": b"1", b"large": b"x" * 50, b"\xff\x00": b"", COMMIT_KEY: b"2"}


def test_bundles_without_their_commit_record_are_void() -> None:
    [bundle] = bundles({b"a": b"bad"})

    assert restored([(BEGIN_KEY, b""), (bundle_key(7, 0), bundle), (BEGIN_KEY, b"")], isolated=False) == {}
