"""Lookups: the last good content stays, whatever comes, and no message shows the address's key."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline import lookups
from pipeline.lookups import LookupTable, Refresher
from schemas.outcomes import ConfigError
from transforms.interface import LookupSource


class Served:
    """What the server answers, and where it is."""

    def __init__(self) -> None:
        self.body = b"good"
        self.announced: int | None = None
        self.status = 200
        self.address = ""


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(found.status)
            self.send_header("Content-Length", str(found.announced or len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_address[1]}/s3cret/list?key=s3cret"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def read(path: str) -> str:
    text = Path(path).read_text()
    if text.startswith("bad"):
        raise {"bad": ValueError, "bad key": KeyError}[text](text)
    return text


def kept(folder: Path) -> list[str]:
    return [file.read_text() for file in folder.iterdir()]


def test_what_cannot_be_read_does_not_replace_what_was_fetched_last(served: Served, tmp_path: Path) -> None:
    table = LookupTable(LookupSource(served.address, read), tmp_path)
    served.body = b"bad"

    with pytest.raises(ValueError, match="bad"):
        table.fetch()

    assert (table.value, table.refresh(), kept(tmp_path)) == ("good", False, ["good"])
    assert LookupTable(LookupSource(served.address, read), tmp_path).value == "good"


def test_half_of_a_file_is_not_taken_for_the_whole(served: Served, tmp_path: Path) -> None:
    table = LookupTable(LookupSource(served.address, read), tmp_path)
    served.body, served.announced = b"go", 4

    with pytest.raises(ValueError, match="only 2 of 4 bytes came"):
        table.fetch()

    assert (table.value, kept(tmp_path)) == ("good", ["good"])


def test_what_is_fetched_anew_is_there_at_once(served: Served, tmp_path: Path) -> None:
    table = LookupTable(LookupSource(served.address, read), tmp_path)
    served.body = b"better"

    table.fetch()

    assert (table.value, kept(tmp_path)) == ("better", ["better"])


@pytest.mark.parametrize("content", ["bad", "bad key"])
def test_whatever_reading_raises_refuses_to_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "list").write_text(content)

    with pytest.raises(ConfigError, match=f"list cannot be read: .*{content}"):
        LookupTable(LookupSource(str(tmp_path / "list"), read), tmp_path)


def test_a_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as problem:
        LookupTable(LookupSource(str(tmp_path / "list"), read), tmp_path)

    assert str(problem.value) == f"{tmp_path}/list cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("http://127.0.0.1:1/s3cret?key=s3cret", "http://127.0.0.1 "),
        ("http://user:s3cret@127.0.0.1/list", "http://127.0.0.1 "),
        ("http://127.0.0.1/s3cret list", "http://127.0.0.1 "),
        ("http://[s3cret", "http://… "),
    ],
)
def test_an_address_shows_without_its_secrets(tmp_path: Path, place: str, shown: str) -> None:
    with pytest.raises(ConfigError) as problem:
        LookupTable(LookupSource(place, read), tmp_path)

    assert str(problem.value).startswith(f"{shown}cannot be fetched")
    assert "s3cret" not in str(problem.value)


def test_the_answer_of_a_server_shows_without_the_address(served: Served, tmp_path: Path) -> None:
    served.status = 403

    with pytest.raises(ConfigError) as problem:
        LookupTable(LookupSource(served.address, read), tmp_path)

    said = "http://127.0.0.1 cannot be fetched: it answers 403; nothing was fetched earlier"
    assert str(problem.value) == said


def test_no_exception_ends_the_thread_that_refreshes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "REFRESH_S", 0.001)
    problems = iter([http.client.IncompleteRead(b"x"), KeyError("column"), RecursionError("deep")])
    (tmp_path / "list").write_text("good")
    table = LookupTable(LookupSource(str(tmp_path / "list"), read), tmp_path)
    told: list[str] = []
    survived = threading.Event()

    def refresh() -> bool:
        for problem in problems:
            raise problem
        survived.set()
        return False

    monkeypatch.setattr(table, "refresh", refresh)
    refresher = Refresher([table], told.append)

    assert survived.wait(5)
    refresher.stop()
    assert [said.partition(": ")[0] for said in told] == ["a lookup stays as it was"] * 3
    assert "KeyError('column')" in told[1]
