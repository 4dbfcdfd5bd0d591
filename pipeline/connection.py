"""How the Kafka clients connect: one place for addresses and security."""

from typing import Any

from pipeline.settings import Settings

__all__ = ["client_options"]


def client_options(settings: Settings) -> dict[str, Any]:
    """Options of librdkafka that every client shares."""
    broker = settings.broker
    options: dict[str, Any] = {
        "bootstrap.servers": broker.bootstrap,
        "client.id": settings.app,
        "log_level": 3,
        "socket.keepalive.enable": True,
        "topic.metadata.refresh.interval.ms": 30_000,
    }
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
