"""How the Kafka clients connect: one place for addresses and security."""

from typing import Any

from pipeline.settings import Settings
from schemas.outcomes import Retry

__all__ = ["client_options", "NOTHING_RUNS"]

NOTHING_RUNS = (
    "nothing is running here: start it with headrace up, or name your brokers and your ClickHouse in headrace.yaml"
)


def client_options(settings: Settings) -> dict[str, Any]:
    """Options of librdkafka that every client shares. Raises Retry when there is no broker to connect to."""
    broker = settings.broker
    if not broker.bootstrap:
        raise Retry(NOTHING_RUNS)
    options: dict[str, Any] = {
        "bootstrap.servers": broker.bootstrap,
        "client.id": settings.app,
        "log_level": 3,
        "socket.keepalive.enable": True,
        "topic.metadata.refresh.interval.ms": 30_000,
    }
    if broker.embedded:
        # It never moves a partition, and a client that offers it its own metrics does so anew every few seconds: of the
        # clients of five workers that was a third of all requests while nobody sends anything.
        options.update({"topic.metadata.refresh.interval.ms": 300_000, "enable.metrics.push": False})
    if broker.security_protocol != "PLAINTEXT":
        options["security.protocol"] = broker.security_protocol
        optional = {
            "sasl.mechanism": broker.sasl_mechanism,
            "sasl.username": broker.sasl_username,
            "sasl.password": broker.sasl_password,
            "ssl.ca.location": broker.ssl_ca_location,
        }
        options.update({name: value for name, value in optional.items() if value})
    return options
