"""How the process of the embedded ClickHouse begins and ends."""

import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.embedded.clickhouse import command
from tests.e2e.embedded_server import get, runs, start_server

pytestmark = pytest.mark.e2e


def test_a_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    process, port = start_server(tmp_path, "--body-bytes-max", "1000000")

    get(port, "/", b"CREATE TABLE short (a String) ENGINE = Memory")
    refused = get(port, "/", b"INSERT INTO short FORMAT TSV\n" + b"x" * 2_000_000)
    taken = get(port, "/", b"INSERT INTO short FORMAT TSV\n" + b"x" * 900_000)
    count = get(port, "/?query=SELECT+count()+FROM+short")[2]
    process.terminate()

    assert (refused[0], refused[1]["X-ClickHouse-Exception-Code"]) == (413, "229")
    assert (taken[0], count, process.wait(20)) == (200, b"1\n", 0)


def test_a_second_process_on_the_folder_is_told_who_has_it(tmp_path: Path) -> None:
    process, _ = start_server(tmp_path)

    second = subprocess.run(command(tmp_path / "clickhouse", 0), capture_output=True, text=True, timeout=60)

    process.terminate()
    assert process.wait(20) == 0
    assert (second.returncode, f"is in use by process {process.pid}" in second.stderr) == (1, True)


def test_being_told_to_end_does_not_wait_for_a_long_statement(tmp_path: Path) -> None:
    process, port = start_server(tmp_path)
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.sendall(b"GET /?query=SELECT+sum(sipHash64(number))+FROM+numbers(1000000000000) HTTP/1.1\r\n\r\n")
        while get(port, "/", b"SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%'")[2] < b"2":
            time.sleep(0.05)

        process.terminate()

        assert process.wait(30) == 0


def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    process, port = start_server(tmp_path)
    get(port, "/", b"CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a")
    get(port, "/", b"INSERT INTO kept FORMAT TSV\n1\n2\n")
    process.kill()
    process.wait()

    process, port = start_server(tmp_path)
    count = get(port, "/?query=SELECT+count()+FROM+kept")[2]
    process.terminate()

    assert (count, process.wait(20)) == (b"2\n", 0)


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(sys.argv[1:])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    ask = command(tmp_path / "clickhouse", 0, tmp_path / "port")
    with subprocess.Popen([ask[0], "-c", script, *ask], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        while not (tmp_path / "port").exists():
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 30
    while runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(child)
