"""The broker that comes with the package, as Kafka clients see it."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.embedded import broker
from pipeline.embedded.parent import start
from pipeline.embedded.ports import free_ports
from tests.e2e.embedded_server import runs

pytestmark = pytest.mark.e2e
QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    port = free_ports(1)[0]
    process = start(broker.command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert broker.wait_until_ready(f"127.0.0.1:{port}", 30)
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_what_is_produced_is_read_with_key_headers_and_partition(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    admin.create_topics([NewTopic("path", 4, 1)])["path"].result(20)
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **QUIET})
    producer.produce("path", b"value", b"key", partition=3, headers={"rows": b"12"})
    assert producer.flush(20) == 0

    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "any", **QUIET})
    reader.assign([TopicPartition("path", 3, 0)])
    message = reader.poll(20)
    reader.close()

    assert message is not None
    assert (message.key(), message.value(), message.headers()) == (b"key", b"value", [("rows", b"12")])


def test_a_topic_made_again_under_its_name_is_another_log(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    ids = []

    for _ in range(2):
        admin.create_topics([NewTopic("again", 1, 1)])["again"].result(20)
        ids.append(str(admin.describe_topics(TopicCollection(["again"]))["again"].result(20).topic_id))
        admin.delete_topics(["again"])["again"].result(20)

    assert ids[0] != ids[1]


def test_waiting_for_nobody_ends() -> None:
    port = free_ports(1)[0]

    assert not broker.wait_until_ready(f"127.0.0.1:{port}", 0.5)


def test_it_is_gone_when_the_process_that_started_it_is_killed() -> None:
    port = free_ports(1)[0]
    script = (
        "import sys, time\n"
        "from pipeline.embedded import broker, parent\n"
        "print(parent.start(broker.command(int(sys.argv[1]))).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(port)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert broker.wait_until_ready(f"127.0.0.1:{port}", 30)
        parent.kill()

    deadline = time.monotonic() + 30
    while runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(child)
