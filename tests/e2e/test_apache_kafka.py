"""The real Apache Kafka that the other tests stand on: it starts, dies, freezes, wakes and cleans up as they need."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.embedded.apache_kafka import ApacheKafka, NotReady
from tests.e2e.embedded_server import runs

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]
# A frozen node accepts connections and never answers: clients that shall go elsewhere must lose patience soon.
QUIET = {"log_level": 0, "socket.timeout.ms": 3000}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    with ApacheKafka(tmp_path_factory.mktemp("kafka"), nodes=3) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap, **QUIET})
        admin.create_topics([NewTopic("path", 3, 3)])["path"].result(30)
        yield kafka


def _write(kafka: ApacheKafka, value: bytes, partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, **QUIET})
    producer.produce("path", value, partition=partition)
    assert producer.flush(60) == 0


def _read(kafka: ApacheKafka, count: int, partition: int = 0) -> list[bytes]:
    reader = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "any", **QUIET})
    reader.assign([TopicPartition("path", partition, 0)])
    messages = reader.consume(count, timeout=60)
    reader.close()
    return [message.value() for message in messages]


def test_what_was_acknowledged_survives_the_death_of_the_leader(cluster: ApacheKafka) -> None:
    _write(cluster, b"before")
    dead = cluster.leader("path", 0)
    cluster.kill(dead)

    _write(cluster, b"after")

    assert _read(cluster, 2) == [b"before", b"after"]
    cluster.restart(dead)
    assert sorted(cluster.running()) == [1, 2, 3]


def test_a_frozen_node_is_replaced_and_comes_back(cluster: ApacheKafka) -> None:
    frozen = cluster.leader("path", 1)
    cluster.pause(frozen)

    _write(cluster, b"meanwhile", partition=1)
    cluster.resume(frozen)

    cluster.wait_until_ready()
    assert _read(cluster, 1, partition=1) == [b"meanwhile"]


def test_reading_does_not_bring_a_missing_topic_to_life(cluster: ApacheKafka) -> None:
    reader = Consumer(
        {"bootstrap.servers": cluster.bootstrap, "group.id": "any", "allow.auto.create.topics": True, **QUIET}
    )
    reader.subscribe(["missing"])
    with pytest.raises(KafkaException, match="UNKNOWN_TOPIC"):
        _raise_error(reader)
    reader.close()

    assert (
        "missing" not in AdminClient({"bootstrap.servers": cluster.bootstrap, **QUIET}).list_topics(timeout=20).topics
    )


def test_a_single_node_keeps_its_data_and_its_port_through_kill_and_stop(tmp_path: Path) -> None:
    with ApacheKafka(tmp_path) as kafka:
        address = kafka.bootstrap
        admin = AdminClient({"bootstrap.servers": address, **QUIET})
        admin.create_topics([NewTopic("path", 1, 1)])["path"].result(30)
        _write(kafka, b"one")
        kafka.kill(1)
        kafka.restart(1)
        _write(kafka, b"two")
        kafka.stop()
        assert kafka.running() == []
        kafka.start()

        assert (_read(kafka, 2), kafka.bootstrap) == ([b"one", b"two"], address)


def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(NotReady, match=r"min\.insync\.replicas"),
        ApacheKafka(tmp_path, settings={"min.insync.replicas": "none"}),
    ):
        pass


def test_no_node_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from pipeline.embedded.apache_kafka import ApacheKafka\n"
        "kafka = ApacheKafka(pathlib.Path(sys.argv[1]))\n"
        "kafka.start()\n"
        "kafka.pause(1)\n"
        "print(kafka.pid(1), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        node = int(parent.stdout.readline())
        parent.kill()

    deadline = time.monotonic() + 30
    while runs(node) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(node)


def _raise_error(reader: Consumer) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        message = reader.poll(1)
        if message is not None and message.error():
            raise KafkaException(message.error())
