"""A changelog on a real Kafka: it lets go of its beginning, and whoever takes over finds the whole state."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.consumer import log_end
from pipeline.embedded.apache_kafka import ApacheKafka
from pipeline.ownership import Owned
from pipeline.settings import Broker, Settings, Store
from pipeline.topics import create_missing, cut_logs, topic_ids

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]
SOURCE = "events.accepted"
STATE = "headrace-resolve-state"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        create_missing(Settings(broker=Broker(bootstrap=kafka.bootstrap)))
        yield kafka


def opened(kafka: ApacheKafka, partition: int, store: Store) -> Owned:
    settings = Settings(broker=Broker(bootstrap=kafka.bootstrap), store=store)
    owned = Owned(settings, "resolve", partition, [SOURCE], topic_ids(settings, [SOURCE, STATE]))
    owned.open()
    return owned


def commit(owned: Owned, changes: dict[bytes, bytes | None]) -> int | None:
    owned.overlay.update(changes)
    frozen, record = owned.freeze(), owned.record()
    before = owned.settle(owned.commit([], frozen, record, publish=False))
    if before is not None:
        cut_logs(owned.settings, {(STATE, owned.partition): before})
    return before


def state(owned: Owned) -> dict[bytes, bytes]:
    return {key: value for key, value in owned.store.items() if not key.startswith(b"\x00")}


def write(owned: Owned, commits: int) -> dict[bytes, bytes]:
    """Change keys over and over, the first of them once and for all; returns the state that follows."""
    expected = {b"old": b"kept"}
    commit(owned, {b"old": b"kept", b"gone": b"soon"})
    commit(owned, {b"gone": None})
    for number in range(commits):
        key, value = b"key-%03d" % (number % 100), b"%d:" % number + b"x" * 200
        commit(owned, {key: value})
        expected[key] = value
    return expected


def test_the_log_is_cut_and_holds_the_whole_state(kafka: ApacheKafka) -> None:
    store = Store(rewrite_after_bytes=8_192)
    owned = opened(kafka, 0, store)
    expected = write(owned, 400)
    low, _ = log_end(owned.settings, STATE, 0)
    owned.close()

    assert low > 0
    again = opened(kafka, 0, store)
    assert state(again) == expected
    commit(again, {b"more": b"1"})
    again.close()
    last = opened(kafka, 0, store)
    assert state(last) == expected | {b"more": b"1"}
    last.close()


def test_a_folder_that_was_away_while_the_log_was_cut_is_filled_anew(kafka: ApacheKafka, tmp_path: Path) -> None:
    there = Store(kind="rocksdb", path=str(tmp_path / "there"), rewrite_after_bytes=8_192)
    first = opened(kafka, 1, there)
    commit(first, {b"only here": b"1", b"old": b"0"})
    first.close()
    elsewhere = opened(kafka, 1, Store(kind="rocksdb", path=str(tmp_path / "elsewhere"), rewrite_after_bytes=8_192))
    commit(elsewhere, {b"only here": None})
    expected = write(elsewhere, 400)
    elsewhere.close()

    back = opened(kafka, 1, there)

    assert state(back) == expected
    back.close()
