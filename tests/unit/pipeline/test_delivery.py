"""Blocks: when they are cut, and that a recorded end is kept exactly."""

import random
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from pipeline.accounts import LogCounters
from pipeline.deliver import Unpacked
from pipeline.delivery import BlockRunner, BlockWork, Queue
from pipeline.outcome import Outcome
from pipeline.ownership import OpenBlock
from pipeline.settings import Settings
from pipeline.work import MESSAGE_BYTES_MAX
from schemas.batches import from_wire
from schemas.block import Block

EMPTY = pa.record_batch([pa.array([1])], names=["x"])


def message(offset: int, rows: int = 10, size: int = 100) -> Unpacked:
    return Unpacked(offset, size, rows, EMPTY)


def queue(**limits: int) -> Queue:
    return Queue("t", linger_s=0.5, rows_max=limits.get("rows", 100), bytes_max=limits.get("bytes", 10_000))


def offsets(block: list[Unpacked]) -> list[int]:
    return [message.offset for message in block]


def test_an_empty_queue_is_never_due() -> None:
    assert queue().due_in(5.0) is None


def test_a_block_is_due_after_its_linger_and_at_once_when_it_is_full() -> None:
    waiting = queue()
    waiting.add(message(0), 10.0)

    assert waiting.due_in(10.2) == 0.5 - (10.2 - 10.0)
    assert waiting.due_in(11.0) == 0.0
    waiting.add(message(1, rows=90), 10.2)
    assert waiting.due_in(10.2) == 0.0


def test_blocks_of_facts_are_apart_after_the_first_and_not_when_they_are_full() -> None:
    waiting = Queue("t", linger_s=0.5, rows_max=100, bytes_max=10_000, apart_s=3.0)
    waiting.add(message(0), 10.0)
    assert waiting.due_in(10.5) == 0.0
    waiting.cut(10.5)

    waiting.add(message(1), 11.0)
    assert waiting.due_in(11.5) == 2.0
    waiting.add(message(2), 13.2)
    assert waiting.due_in(13.5) == 0.0
    waiting.cut(13.5)
    waiting.add(message(3, rows=100), 13.6)
    assert waiting.due_in(13.6) == 0.0


def test_a_block_keeps_to_the_limits_and_always_takes_one_message() -> None:
    waiting = queue(rows=25)
    for offset in range(3):
        waiting.add(message(offset), 0.0)
    waiting.add(message(3, rows=1_000), 0.0)

    assert [offsets(waiting.cut(1.0)) for _ in range(3)] == [[0, 1], [2], [3]]
    assert (waiting.rows, waiting.bytes) == (0, 0)


def test_what_is_read_once_more_waits_once() -> None:
    waiting = queue()
    for offset in (0, 1, 2, 0, 1, 2, 3):
        waiting.add(message(offset), 0.0)
    waiting.cut(1.0)

    waiting.add(message(3), 2.0)

    assert (waiting.rows, waiting.due_in(9.0)) == (0, None)


def test_a_block_that_was_open_is_cut_again_at_exactly_its_end() -> None:
    waiting = queue(rows=15)
    waiting.must_end_at = 4
    for offset in (0, 2, 3):
        waiting.add(message(offset), 0.0)

    assert waiting.due_in(100.0) is None
    waiting.add(message(4), 0.0)
    waiting.add(message(6), 0.0)
    assert waiting.due_in(100.0) == 0.0
    assert offsets(waiting.cut(100.0)) == [0, 2, 3, 4]
    assert offsets(waiting.cut(100.0)) == [6]


def work_with_open_block(position: int = 3) -> BlockWork:
    """Topic b had messages 3 to 4 under way; both topics have messages waiting."""
    counters = {topic: LogCounters(topic=topic, log="00") for topic in ("a", "b")}
    counters["b"].position = position
    owned: Any = SimpleNamespace(open_blocks=[OpenBlock("b", "00", 3, 4)], counters=counters)
    work = BlockWork(owned, {topic: Queue(topic, 0.0, 100, 10_000) for topic in ("a", "b")})
    work.queues["a"].add(message(3), 0.0)
    work.queues["b"].add(message(3), 0.0)
    return work


def test_the_block_that_was_open_is_sent_before_anything_else() -> None:
    work = work_with_open_block()

    assert work.next_due() == (None, None)
    work.queues["b"].add(message(4), 0.0)
    assert work.next_due() == (0.0, work.queues["b"])
    assert offsets(work.queues["b"].cut(1.0)) == [3, 4]
    assert work.next_due()[1] is work.queues["a"]


def test_room_is_made_for_a_block_that_was_open_until_it_is_whole() -> None:
    work = work_with_open_block()

    assert work.awaits_its_block
    work.queues["b"].add(message(4), 0.0)
    assert not work.awaits_its_block
    assert not work_with_open_block(position=5).awaits_its_block


def test_a_block_that_retention_has_taken_is_waited_for_no_more() -> None:
    work = work_with_open_block(position=5)

    assert work.next_due()[1] is work.queues["a"]
    assert work.queues["b"].must_end_at is None


def test_a_queue_notices_messages_that_were_read_and_never_came() -> None:
    queue = Queue("t", 1.0, 10, 10, position=5)

    queue.expect(5)
    queue.expect(3)  # read once more after a rebalance
    with pytest.raises(AssertionError, match="read on from 7, expected 5"):
        queue.expect(7)


def test_many_rows_that_a_destination_refused_become_messages_that_the_topic_takes() -> None:
    made = random.Random(1)
    values = [made.randbytes(1_000_000) for _ in range(20)]
    refused = pa.record_batch([pa.array(values)], names=["value"])
    block = Block("b", bytes(16), 0, 3, 8, ())
    owned: Any = SimpleNamespace(partition=0, open_blocks=[], counters={"b": LogCounters("b", "00")})
    destination: Any = SimpleNamespace(name="clickhouse")
    work = BlockWork(owned, {})

    BlockRunner(Settings(), "clickhouse", destination)._account(work, block, Outcome(0, 0, [], [], rejected=refused))

    assert max(len(message.value or b"") for message in work.outgoing) <= MESSAGE_BYTES_MAX
    found = [from_wire(message.value or b"", refused.schema) for message in work.outgoing]
    assert pa.concat_batches(found) == refused
