"""Settings: what they refuse to show, and when they count as changed."""

import random

import msgspec

from destinations.clickhouse.config import Config
from pipeline.connection import client_options
from pipeline.settings import Broker, Commit, Project, Retries, Settings


def test_no_secret_shows_in_the_text_of_any_section() -> None:
    settings = Settings(broker=Broker(sasl_password="hush"), clickhouse=Config(password="hush"))

    assert "hush" not in f"{settings!r}{settings}{settings.broker}{settings.clickhouse}"


def test_the_fingerprint_names_what_decides_about_events_and_nothing_else() -> None:
    plain = Settings()
    faster = msgspec.structs.replace(plain, commit=Commit(interval_ms=1))
    other = msgspec.structs.replace(plain, projects=[Project(id=1, tokens=["a"])])

    assert plain.fingerprint() == faster.fingerprint()
    assert plain.fingerprint() != other.fingerprint()


def test_every_token_leads_to_its_project() -> None:
    projects = [Project(id=1, tokens=["old", "new"]), Project(id=2), Project(id=3, tokens=["other"])]

    assert Settings(projects=projects).tokens == {"old": 1, "new": 1, "other": 3}


def test_waits_double_up_to_the_cap_and_are_never_shorter_than_asked() -> None:
    random.seed(1)
    waits = Retries(first_s=0.5, cap_s=8.0)

    assert all(waits.wait_s(1, 0.0) <= 1.0 for _ in range(200))
    assert max(waits.wait_s(40, 0.0) for _ in range(200)) > 7.0
    assert all(3.0 <= waits.wait_s(attempt, 3.0) <= 8.0 for attempt in range(60))
    assert waits.wait_s(1, 60.0) == 8.0


def test_clients_offer_their_metrics_to_a_kafka_and_not_to_the_embedded_broker() -> None:
    kafka, embedded = Broker(bootstrap="a:1"), Broker(bootstrap="a:1", embedded=True)

    assert "enable.metrics.push" not in client_options(Settings(broker=kafka))
    assert client_options(Settings(broker=embedded))["enable.metrics.push"] is False


def test_clients_get_credentials_only_with_a_protocol_that_has_them() -> None:
    open_broker = Broker(bootstrap="a:1", sasl_username="u", sasl_password="p")
    closed = msgspec.structs.replace(open_broker, security_protocol="SASL_SSL", sasl_mechanism="PLAIN")

    assert "sasl.password" not in client_options(Settings(broker=open_broker))
    options = client_options(Settings(broker=closed))
    assert (options["security.protocol"], options["sasl.mechanism"], options["sasl.password"]) == (
        "SASL_SSL",
        "PLAIN",
        "p",
    )
