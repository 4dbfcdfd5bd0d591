"""Brokers that want TLS and a password get both from every client, the framework's as well as our own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.embedded.apache_kafka import ApacheKafka
from pipeline.embedded.ports import free_ports
from tests.e2e.rig.workers import Workers

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]
PASSWORD = "correct-horse"  # of a broker that lives for this test


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """The broker's own certificate as PEM, beside the store it is taken from."""
    store = tmp_path / "broker.p12"
    known = ["-alias", "broker", "-keystore", str(store), "-storepass", PASSWORD]
    made = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1", "-ext", "bc=ca:true"]
    subprocess.run(["keytool", *made, "-storetype", "PKCS12", *known], check=True, capture_output=True)
    shown = subprocess.run(["keytool", "-exportcert", "-rfc", *known], check=True, capture_output=True)
    file = tmp_path / "ca.pem"
    file.write_bytes(shown.stdout)
    return file


@pytest.fixture
def bootstrap(tmp_path: Path, certificate: Path) -> Iterator[str]:
    """The address of a broker's listener with TLS and passwords."""
    port = free_ports(1)[0]
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},SAFE://127.0.0.1:{port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{{port}},SAFE://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SAFE:SASL_SSL",
        "listener.name.safe.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.safe.plain.sasl.jaas.config": f'{login} user_headrace="{PASSWORD}";',
        "ssl.keystore.location": str(certificate.with_name("broker.p12")),
        "ssl.keystore.password": PASSWORD,
        "ssl.keystore.type": "PKCS12",
    }
    with ApacheKafka(tmp_path / "kafka", settings=settings):
        yield f"127.0.0.1:{port}"


@pytest.fixture
def config(tmp_path: Path, bootstrap: str, certificate: Path) -> Path:
    file = tmp_path / "headrace.yaml"
    content = {
        "broker": {
            "bootstrap": bootstrap,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_username": "headrace",
            "sasl_password": PASSWORD,
            "ssl_ca_location": str(certificate),
        },
        "topics": {"partitions": 1, "raw_partitions": 1},
        "projects": [{"id": 1, "tokens": ["t"]}],
    }
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture
def workers(tmp_path: Path, config: Path) -> Iterator[Workers]:
    headrace(config, "topics", "create")
    found = Workers(tmp_path, config, {}, hops=("accept", "resolve"))
    found.start(each=1)
    yield found
    found.stop()


def headrace(config: Path, *words: str, sent: str = "") -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "pipeline.cli.main", *words, "--config", str(config)]
    done = subprocess.run(line, input=sent, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_an_event_passes_the_hops_through_a_broker_with_tls_and_a_password(workers: Workers, config: Path) -> None:
    headrace(config, "produce", sent='{"event":"seen","distinct_id":"ada","token":"t"}\n')

    shown = headrace(config, "tap", "events.prepared", "--from-beginning", "--limit", "1", "--json")

    found = json.loads(shown.stdout.splitlines()[0])
    assert (found["event"], found["distinct_id"]) == ("seen", "ada")
    assert [PASSWORD in workers.log(name) for name in workers.names] == [False, False]
