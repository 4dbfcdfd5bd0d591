"""The floor: the cheapest a Python process can do with the events, fetch them and decode their envelope.

    python -m pipeline.bench.floor BOOTSTRAP TOPIC PARTITIONS RECORDS

A process of its own, so that it is counted as the hops are; what it prints is a HopRun in JSON.
"""

import os
import subprocess
import sys
import time

import msgspec
from confluent_kafka import Consumer, TopicPartition

from pipeline.bench.processes import usage
from pipeline.bench.result import HopRun
from pipeline.settings import Settings

__all__ = ["measure_floor", "main"]

STUCK_S = 60.0
LIMIT_S = 900.0


class Envelope(msgspec.Struct):
    """The least that would have to be known of an event; the properties are skipped, not looked into."""

    token: str
    event: str
    distinct_id: str
    uuid: str
    timestamp: str
    properties: msgspec.Raw


def measure_floor(settings: Settings, records: int) -> HopRun:
    """Fetch and decode so many records of events.raw, in a process of its own."""
    topics = settings.topics
    words = [settings.broker.bootstrap, topics.named("events.raw"), str(topics.raw_partitions), str(records)]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.bench.floor", *words], capture_output=True, check=True, timeout=LIMIT_S
    )
    return msgspec.json.decode(done.stdout, type=HopRun)


def main() -> None:
    """Do it and print what it cost, from the first record on, as for the hops: their connecting is not counted."""
    bootstrap, topic, partitions, records = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "floor",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 10,
        }
    )
    decode = msgspec.json.Decoder(Envelope).decode
    before, started_s = usage(os.getpid()), time.monotonic()
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    seen, last_s = 0, started_s
    while seen < records:
        for message in consumer.consume(5_000, 0.2):
            if message.error() is None:
                decode(message.value())
                seen += 1
                last_s = time.monotonic()
        if time.monotonic() - last_s > STUCK_S:
            sys.exit(f"{seen} of {records} records came and no more within {STUCK_S:.0f} s")
    after = usage(os.getpid())
    run = HopRun(
        events=seen,
        cpu_s=round(after.cpu_s - before.cpu_s, 2),
        wall_s=round(time.monotonic() - started_s, 2),
        peak_mb=after.peak_mb,
    )
    sys.stdout.write(msgspec.json.encode(run).decode())


if __name__ == "__main__":
    main()
