"""The audit on a real broker: no false alarm while workers die under it, and no loss or repeat that it would miss."""

import json
from collections.abc import Iterator
from random import Random

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline.consumer import read_to_end
from pipeline.producer import plain_producer
from pipeline.topics import topic_ids
from tests.e2e.rig.events import PLAIN_TOKEN
from tests.e2e.rig.faults import Fault, fresh_event_passes, kill_a_hop, kill_a_worker, wake_a_zombie
from tests.e2e.rig.rig import PARTITIONS, Rig
from tests.e2e.rig.verdict import judge

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(900)]
UNREACHABLE = 3


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("audited"), seed=7) as found:
        found.feed.start()
        found.feed.wait_for(2_000)
        fresh_event_passes(found, "first")
        yield found


@pytest.mark.parametrize("fault", [kill_a_worker, kill_a_hop, wake_a_zombie])
def test_no_look_at_a_path_in_trouble_is_a_false_alarm(rig: Rig, fault: Fault) -> None:
    rig.feed.resume()
    chance = Random(fault.__name__)
    said = []
    for _ in range(3):
        fault(rig, chance)
        answer = rig.command("audit", "--json", codes=(0, 1, UNREACHABLE), within_s=240)
        said.append(json.loads(answer) if answer else {})

    assert [report.get("problems", []) for report in said] == [[], [], []]
    assert any(report.get("accepted", 0) for report in said)
    judge(rig, rig.feed.pause())


def test_markers_of_transactions_in_events_raw_are_no_records(rig: Rig) -> None:
    producer = Producer({"bootstrap.servers": rig.kafka.bootstrap, "transactional.id": "a-shop"})
    producer.init_transactions(30)
    line = f'{{"token":"{PLAIN_TOKEN}","event":"paid","distinct_id":"x"}}'
    for end in (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        producer.produce("events.raw", line, partition=1)
        producer.flush(30)  # librdkafka may end a transaction before the broker knows of it (decision 0002)
        end(30)
    rig.sent_besides += 2

    report = rig.audit(60)

    assert (report["unaccounted"], report["pending"], report["notes"]) == (0, 0, [])


def test_what_retention_removes_after_it_was_read_is_no_loss(rig: Rig) -> None:
    rig.audit(60)
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    everything = [
        TopicPartition(topic, partition, -1)
        for topic in ("events.raw", "events.accepted", "events.prepared", "events.rejected")
        for partition in range(PARTITIONS)
    ]
    for removed in admin.delete_records(everything).values():
        removed.result(30)

    report = rig.audit(60)

    assert (report["unaccounted"], report["problems"]) == (0, [])


def test_a_message_that_was_written_twice_is_noticed_and_located(rig: Rig) -> None:
    rig.feed.resume()
    rig.feed.wait_for(rig.feed.sent + 3_000)
    rig.feed.pause()
    rig.audit(60)  # all that was sent has passed: what retention removed before is nothing to repeat
    settings = rig.settings
    starts = {("events.prepared", partition): 0 for partition in range(PARTITIONS)}
    [batch, *_] = [batch for batch, _ in read_to_end(settings, starts, topic_ids(settings, ["events.prepared"]))]
    producer = plain_producer(settings)
    headers = list(batch.headers[-1] or ())
    producer.produce("events.prepared", batch.values[-1], partition=batch.partition, headers=headers)
    producer.flush(30)

    report = rig.audit(60)

    assert report["unaccounted"] == int(dict(headers)["headrace-rows"] or b"0")
    assert f"events.prepared[{batch.partition}]" in report["problems"][0]
