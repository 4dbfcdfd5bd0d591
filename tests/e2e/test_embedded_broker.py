"""The broker that comes with the package, as Kafka clients see it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Consumer, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.consumer import read_to_end
from pipeline.embedded import broker
from pipeline.embedded.parent import start
from pipeline.embedded.ports import free_ports
from pipeline.settings import Broker, Settings
from pipeline.topics import topic_ids
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


class _OddName(str):
    """A header's name that no client of Python would write."""

    def encode(self, *_: str) -> bytes:
        return b"bad\xff"


def test_a_header_whose_name_is_not_utf8_stops_nobody(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    admin.create_topics([NewTopic("odd", 1, 1)])["odd"].result(20)
    for module in (message_accumulator, producer):
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as sender:
            for name in ("fine", _OddName("odd"), "fine"):
                await sender.send_and_wait("odd", b"value", partition=0, headers=[(name, b"1")])

    asyncio.run(send())
    settings = Settings(broker=Broker(bootstrap=bootstrap, embedded=True))
    log = topic_ids(settings, ["odd"])

    batches = [batch for batch, _ in read_to_end(settings, {("odd", 0): 0}, log)]

    assert [value for batch in batches for value in batch.values] == [b"value"] * 3
    assert [headers for batch in batches for headers in batch.headers] == [[("fine", b"1")], None, [("fine", b"1")]]


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
