"""The registry client against a real HTTP server that speaks Confluent's protocol."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from pipeline.registry import Registry
from schemas.outcomes import Retry

pytestmark = pytest.mark.e2e

SCHEMA = {"type": "record", "name": "Event", "fields": [{"name": "event", "type": "string"}]}
NESTING = {"type": "record", "name": "Nest", "fields": [{"name": "inner", "type": ["null", "Nest"]}]}


class Answers:
    """What the server answers by id, and what it was asked."""

    def __init__(self) -> None:
        self.by_id: dict[int, tuple[int, bytes]] = {}
        self.asked: list[tuple[int, str]] = []
        self.address = ""

    def schema(self, number: int, schema: Any) -> None:
        self.by_id[number] = (200, json.dumps({"schema": json.dumps(schema)}).encode())


@pytest.fixture
def answers() -> Iterator[Answers]:
    found = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = int(self.path.rsplit("/", 1)[1])
            found.asked.append((number, self.headers.get("Authorization", "")))
            status, body = found.by_id.get(number, (404, b'{"error_code":40403,"message":"Schema not found"}'))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def record(number: int) -> bytes:
    return b"\x00" + number.to_bytes(4) + b"\x02e"


def test_an_id_is_asked_for_once(answers: Answers) -> None:
    answers.schema(7, SCHEMA)
    registry = Registry(answers.address + "/")

    registry.fetch(registry.missing([record(7), record(7), b"{}", None]))

    assert registry.known[7]["name"] == "Event"
    assert registry.missing([record(7)]) == set()
    assert answers.asked == [(7, "")]


@pytest.mark.parametrize("unusable", [None, NESTING, {"type": "nonsense"}])
def test_an_id_that_is_unknown_or_of_no_use_is_not_asked_for_again_at_once(answers: Answers, unusable: Any) -> None:
    if unusable:
        answers.schema(8, unusable)
    registry = Registry(answers.address)

    registry.fetch({8})

    assert registry.known == {}
    assert registry.missing([record(8)]) == set()


@pytest.mark.parametrize(
    "answer", [(500, b"{}"), (401, b"{}"), (200, b"not json"), (200, b"[]"), (200, b'{"schema": 5}')]
)
def test_any_other_answer_lets_the_batch_wait(answers: Answers, answer: tuple[int, bytes]) -> None:
    answers.by_id[9] = answer
    registry = Registry(answers.address)

    with pytest.raises(Retry, match="check the setting `registry`"):
        registry.fetch({9})

    assert registry.missing([record(9)]) == {9}


def test_nobody_there_lets_the_batch_wait() -> None:
    registry = Registry("http://127.0.0.1:9")

    with pytest.raises(Retry, match="does not answer"):
        registry.fetch({1})


def test_a_user_and_a_password_in_the_address_are_sent_and_never_shown(answers: Answers) -> None:
    answers.by_id[3] = (403, b"{}")
    registry = Registry(answers.address.replace("http://", "http://ada:s%3Acret@"))

    with pytest.raises(Retry) as problem:
        registry.fetch({3})

    assert answers.asked == [(3, "Basic " + base64.b64encode(b"ada:s:cret").decode())]
    assert "cret" not in str(problem.value)
