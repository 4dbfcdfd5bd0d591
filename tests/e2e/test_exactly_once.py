"""Exactly once, one cause at a time: two workers of each hop on a real broker, and a judge who knows every event.

The seeded mixtures of everything are in test_faults.py.
"""

import time
from collections.abc import Iterator

import pytest

from pipeline.hard_stop import EXIT_BUG
from pipeline.routing import partitions_of
from tests.e2e.rig.faults import fresh_event_passes
from tests.e2e.rig.rig import PARTITIONS, SESSION_S, Rig
from tests.e2e.rig.verdict import judge
from tests.e2e.rig.workers import HOPS

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), seed=2026, store="rocksdb") as found:
        found.feed.start()
        found.feed.wait_for(2_000)
        fresh_event_passes(found, "first")
        yield found


@pytest.fixture
def flowing(rig: Rig) -> Iterator[Rig]:
    """The installation with events on their way, and what ended before forgotten."""
    rig.feed.resume()
    rig.workers.endings.clear()
    yield rig
    rig.proxy.set("pass")


def test_workers_that_are_replaced_one_by_one_leave_in_order(flowing: Rig) -> None:
    codes = [flowing.workers.ask_to_stop(name) for hop in HOPS for name in flowing.workers.of(hop)]

    judge(flowing, flowing.feed.pause())
    assert set(codes) == {0}, flowing.logs()
    assert {ending.code for ending in flowing.workers.endings} == {0}, flowing.logs()


def test_a_zombie_writes_nothing(flowing: Rig) -> None:
    asleep = {name: flowing.workers.freeze(name) for hop in HOPS for name in flowing.workers.of(hop)[:1]}
    time.sleep(SESSION_S + 4)
    for name, pid in asleep.items():
        assert flowing.workers.wake(name, pid)

    judge(flowing, flowing.feed.pause())
    assert {ending.code for ending in flowing.workers.endings} <= {EXIT_BUG}


def test_a_block_that_landed_unnoticed_is_sent_again_as_it_was_under_other_limits(flowing: Rig) -> None:
    flowing.proxy.set("swallow")
    flowing.proxy.wait_until_met(4)
    flowing.configure(1 - flowing.configuration)
    flowing.workers.kill(*flowing.workers.of("deliver-clickhouse"))
    flowing.proxy.set("pass")

    judge(flowing, flowing.feed.pause())


def test_a_range_is_done_again_under_the_configuration_of_the_replay(flowing: Rig) -> None:
    flowing.configure(1 - flowing.configuration)
    flowing.workers.kill(*flowing.workers.of("accept"))

    judge(flowing, flowing.feed.pause())


def test_everybody_dies_at_once(flowing: Rig) -> None:
    flowing.workers.kill(*flowing.workers.names)
    flowing.kill_clickhouse()
    flowing.start_clickhouse()

    judge(flowing, flowing.feed.pause())
    fresh_event_passes(flowing, "last")


def test_the_state_of_a_distinct_id_stands_in_the_changelog_of_its_partition(flowing: Rig) -> None:
    flowing.feed.pause()

    for partition in range(PARTITIONS):
        keys = [key[1:] for key in flowing.state_keys("resolve", partition) if key[:1] == b"d"]
        assert keys
        assert set(partitions_of(keys, PARTITIONS)) == {partition}
