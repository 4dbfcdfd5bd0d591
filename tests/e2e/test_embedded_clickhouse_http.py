"""The embedded ClickHouse as curl and SQL tools see it."""

import gzip
import json
import socket
import subprocess
import threading
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from pipeline.embedded.frames import framed, unframed
from tests.e2e.embedded_server import arrow_stream, get

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("sql", "code", "status"),
    [
        ("SELECT * FROM nowhere", 60, 404),
        ("SELEC 1", 62, 400),
        ("SELECT nothing FROM system.one", 47, 404),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115, 404),
        ("SELECT throwIf(1)", 395, 500),
        ("INSERT INTO nowhere FORMAT CSV\n1", 60, 404),
    ],
)
def test_a_refusal_carries_the_code_and_the_status_of_a_server(port: int, sql: str, code: int, status: int) -> None:
    answered, headers, body = get(port, "/", sql.encode())

    assert (answered, headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_the_statement_may_stand_in_the_url_the_body_or_both(port: int, table: str) -> None:
    row = str(uuid.uuid4()).encode()

    assert get(port, "/?query=SELECT+1")[2] == b"1\n"
    assert get(port, "/", b"SELECT 1 FORMAT JSONEachRow")[2] == b'{"1":1}\n'
    assert get(port, f"/?query=INSERT+INTO+{table}+FORMAT+CSV", row + b",1\n")[0] == 200
    assert get(port, f"/?query=INSERT+INTO+{table}+VALUES", b"('" + row + b"',2)")[0] == 200
    assert get(port, "/", f"INSERT INTO {table} FORMAT TSV\n".encode() + row + b"\t3\n")[0] == 200
    assert get(port, f"/?query=SELECT+sum(n)+FROM+{table}")[2] == b"6\n"


def test_a_long_statement_may_have_a_letter_of_several_bytes_anywhere(port: int) -> None:
    for shift in range(3):
        text = "x" * shift + "€" * 60_000

        assert get(port, "/", f"SELECT length('{text}')".encode())[2] == b"%d\n" % (shift + 180_000)


def test_sql_tools_find_what_they_ask_first(port: int) -> None:
    headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": ""}
    path = "/?database=system&default_format=RowBinaryWithNamesAndTypes"

    status, answered, body = get(port, path, b"SELECT version() AS v, timezone() AS z", headers)

    assert (status, answered["X-ClickHouse-Format"]) == (200, "RowBinaryWithNamesAndTypes")
    assert body.startswith(b"\x02\x01v\x01z\x06String")
    assert body.endswith(b"\x03UTC")


def test_compressed_and_chunked_bodies_are_understood(port: int, table: str) -> None:
    rows = b"".join(f"{uuid.uuid4()},{n}\n".encode() for n in range(20_000))
    packed = gzip.compress(rows)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/?query=INSERT+INTO+{table}+FORMAT+CSV",
        (packed[start : start + 10_000] for start in range(0, len(packed), 10_000)),
        {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"},
    )

    with urllib.request.urlopen(request) as answer:
        summary = json.loads(answer.headers["X-ClickHouse-Summary"])

    assert summary["written_rows"] == "20000"


def test_a_slow_statement_holds_up_neither_ping_nor_an_insert(client: Any, port: int, table: str) -> None:
    slow = threading.Thread(target=get, args=(port, "/?query=SELECT+sleep(3)"))
    slow.start()

    client.raw_insert(table, ["id", "n"], arrow_stream([uuid.uuid4()]), fmt="ArrowStream")
    pong = get(port, "/ping")

    assert (pong[0], pong[2], slow.is_alive()) == (200, b"Ok.\n", True)
    slow.join()


def test_tables_of_the_senders_own_come_with_a_query_and_go_with_it(client: Any) -> None:
    names = ExternalData(
        file_name="names.csv", data=b"1,one\n2,two\n", fmt="CSV", structure=["n UInt64", "name String"]
    )

    found = client.query("SELECT name FROM names WHERE n = {n:UInt64}", {"n": 2}, external_data=names)

    assert found.result_rows == [("two",)]
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM names")


def test_a_parameter_too_long_for_a_url_arrives(client: Any) -> None:
    many = list(range(18_000))

    assert client.query("SELECT length({many:Array(UInt32)})", {"many": many}).result_rows == [(18_000,)]


def test_a_parameter_that_a_server_refuses_is_refused(client: Any) -> None:
    with pytest.raises(DatabaseError, match="Field value too long"):
        client.query("SELECT length({many:Array(UInt32)})", {"many": list(range(50_000))})


def test_clickhouses_own_compression_works_both_ways(port: int) -> None:
    sql = framed(b"SELECT number FROM numbers(200000)")

    status, headers, body = get(port, "/?compress=1&decompress=1", sql)

    assert (status, json.loads(headers["X-ClickHouse-Summary"])["result_rows"]) == (200, "200000")
    assert b"".join(unframed(iter([body]))) == b"".join(b"%d\n" % number for number in range(200_000))


def test_a_statement_is_killed_by_the_clients_own_id(port: int) -> None:
    slow = b"SELECT sum(sipHash64(number)) FROM numbers(100000000000)"
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(get, port, "/?query_id=mine", slow)
        while b"finished" not in get(port, "/", b"KILL QUERY WHERE query_id = 'mine'")[2]:
            time.sleep(0.1)

        assert answer.result()[1]["X-ClickHouse-Exception-Code"] == "394"


def test_answers_of_statements_at_the_same_time_are_not_mixed_up(port: int) -> None:
    expected = b"".join(b"%d\n" % number for number in range(200_000))

    with ThreadPoolExecutor(8) as threads:
        path = "/?query=SELECT+number+FROM+numbers(200000)"
        answers = list(threads.map(lambda _: get(port, path)[2] == expected, range(80)))

    assert all(answers)


def test_a_page_of_another_site_is_turned_away(port: int) -> None:
    assert get(port, "/", b"SELECT 1", {"Origin": "https://example.com"})[0] == 403
    assert get(port, "/", b"SELECT 1", {"Host": "example.com"})[0] == 403


def test_a_get_request_cannot_write(port: int) -> None:
    status, headers, _ = get(port, "/?query=CREATE+TABLE+sneaky+(a+Int8)+ENGINE=Memory")

    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "164")


@pytest.mark.parametrize(
    "options",
    [
        ["http://{address}/?query=SELECT%2042"],
        ["http://{address}/", "--data-binary", "SELECT 42"],
        ["http://{address}/?enable_http_compression=1", "--compressed", "-d", "SELECT 42 -- " + " " * 2000],
        [
            "http://default:@{address}/",
            "-H",
            "X-ClickHouse-Database: default",
            "-d",
            "SELECT {{a:UInt8}} + 1 FORMAT TSV",
        ],
        ["http://{address}/?query=SELECT%20sum(n)%20FROM%20ns&ns_structure=n%20UInt8", "-F", "ns=@-"],
    ],
)
def test_curl_gets_its_answer(port: int, options: list[str]) -> None:
    asked = [option.format(address=f"127.0.0.1:{port}") for option in options]
    asked[0] += "&param_a=41" if "?" in asked[0] else "?param_a=41"

    done = subprocess.run(["curl", "-sS", *asked], input=b"40\n2\n", capture_output=True, timeout=60)

    assert (done.stdout, done.stderr) == (b"42\n", b"")


def test_a_broken_length_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n")

        assert sender.recv(1000).startswith(b"HTTP/1.1 400 ")
