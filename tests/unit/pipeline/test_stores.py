"""Committed state, and the changes over it that are not committed yet."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.stores import MemoryStore, Overlay, PartitionStore, RocksStore, WriteThrough, over


@pytest.fixture(params=["memory", "rocksdb"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> PartitionStore:
    makers: dict[str, Callable[[], PartitionStore]] = {
        "memory": MemoryStore,
        "rocksdb": lambda: RocksStore(tmp_path / "0", b"log"),
    }
    return makers[request.param]()


def test_a_store_gives_back_what_was_applied_and_forgets_what_was_removed(opened: PartitionStore) -> None:
    opened.apply({b"a": b"1", b"b": b"2"}, 3)
    opened.apply({b"a": None, b"c": b"3"}, 5)

    assert [opened.get(key) for key in (b"a", b"b", b"c")] == [None, b"2", b"3"]
    assert dict(opened.items()) == {b"b": b"2", b"c": b"3"}
    assert opened.position() == 5


def test_a_store_on_disk_goes_on_where_it_ended(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "0", b"log")
    first.apply({b"a": b"1"}, 7)
    first.close()

    again = RocksStore(tmp_path / "0", b"log")

    assert (again.get(b"a"), again.position()) == (b"1", 7)


def test_a_store_on_disk_of_another_changelog_is_emptied(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "0", b"log")
    first.apply({b"a": b"1"}, 7)
    first.close()

    other = RocksStore(tmp_path / "0", b"another log")

    assert (other.get(b"a"), other.position()) == (None, 0)


def test_a_folder_that_was_being_emptied_when_the_worker_was_killed_opens_empty(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "0", b"log")
    first.apply({b"a": b"1"}, 7)
    first.close()
    (tmp_path / "0").rename(tmp_path / "0.removed")
    next((tmp_path / "0.removed").glob("MANIFEST*")).unlink()

    again = RocksStore(tmp_path / "0", b"log")
    assert (again.get(b"a"), again.position()) == (None, 0)
    again.apply({b"b": b"1"}, 3)
    again.clear()
    assert (again.get(b"b"), again.position()) == (None, 0)


def test_changes_are_seen_at_once_and_stored_only_when_committed(opened: PartitionStore) -> None:
    overlay = Overlay(opened)
    overlay.update({b"a": b"1"})
    frozen = overlay.freeze()
    overlay.update({b"a": b"2", b"b": None})

    assert (overlay.get(b"a"), opened.get(b"a"), frozen) == (b"2", None, {b"a": b"1"})
    overlay.committed(4)
    assert (overlay.get(b"a"), opened.get(b"a"), opened.position()) == (b"2", b"1", 4)


def test_a_removed_key_stays_removed_over_a_stored_value(opened: PartitionStore) -> None:
    opened.apply({b"a": b"1"}, 1)
    overlay = Overlay(opened)

    overlay.update({b"a": None})

    assert overlay.get(b"a") is None


def test_freezing_twice_without_a_commit_is_a_bug(opened: PartitionStore) -> None:
    overlay = Overlay(opened)
    overlay.update({b"a": b"1"})
    overlay.freeze()

    with pytest.raises(AssertionError, match="second transaction"):
        overlay.freeze()


def test_what_the_transaction_wrote_besides_is_stored_with_it(opened: PartitionStore) -> None:
    overlay = Overlay(opened)
    overlay.update({b"a": b"1"})
    overlay.freeze()

    overlay.also(b"record", b"r")
    overlay.committed(4)

    assert dict(opened.items()) == {b"a": b"1", b"record": b"r"}


def test_in_memory_changes_are_written_at_once_and_handed_over_once() -> None:
    store = MemoryStore()
    store.apply({b"a": b"0", b"gone": b"1"}, 1)
    changes = over(store)
    changes.update({b"a": b"1", b"gone": None})
    frozen = changes.freeze()
    changes.update({b"a": b"2"})
    changes.also(b"record", b"r")

    assert isinstance(changes, WriteThrough)
    assert (frozen, changes.get(b"a"), changes.get(b"gone"), store.position()) == (
        {b"a": b"1", b"gone": None},
        b"2",
        None,
        1,
    )
    with pytest.raises(AssertionError, match="second transaction"):
        changes.freeze()
    changes.committed(4)
    assert (changes.get(b"record"), changes.get(b"a"), store.position(), changes.freeze()) == (
        b"r",
        b"2",
        4,
        {b"a": b"2"},
    )


def test_a_store_on_disk_sees_only_what_is_committed(tmp_path: Path) -> None:
    assert isinstance(over(RocksStore(tmp_path / "0", b"log")), Overlay)
