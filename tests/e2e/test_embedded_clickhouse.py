"""The embedded ClickHouse, as clickhouse-connect, curl and SQL tools see it."""

import gzip
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from pipeline.embedded.clickhouse import command
from pipeline.embedded.frames import framed, unframed

pytestmark = pytest.mark.e2e


def _start(folder: Path, *options: str) -> tuple["subprocess.Popen[bytes]", int]:
    port_file = folder / "port"
    port_file.unlink(missing_ok=True)
    process = subprocess.Popen([*command(folder / "clickhouse", 0, port_file), *options])
    while not port_file.exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process, int(port_file.read_text())


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    process, port = _start(tmp_path_factory.mktemp("clickhouse"))
    yield port
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture(scope="module")
def client(port: int) -> Iterator[Any]:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=port)
    yield client
    client.close()


@pytest.fixture
def table(client: Any) -> str:
    name = f"t_{uuid.uuid4().hex}"
    client.command(
        f"CREATE TABLE {name} (id UUID, n UInt64) ENGINE = MergeTree ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    return name


def _stream(ids: list[uuid.UUID]) -> bytes:
    batch = pa.record_batch(
        {"id": pa.array([one.bytes for one in ids], pa.binary(16)), "n": pa.array(range(len(ids)), pa.uint64())}
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _get(
    port: int, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


def test_sixteen_big_endian_bytes_in_arrow_arrive_as_the_uuid_they_spell(client: Any, table: str) -> None:
    spelled = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")

    client.raw_insert(table, ["id", "n"], _stream([spelled]), fmt="ArrowStream")

    assert client.query(f"SELECT id, toString(id) FROM {table}").result_rows == [(spelled, str(spelled))]


def test_a_block_sent_again_under_its_token_lands_once(client: Any, table: str) -> None:
    block = _stream([uuid.uuid4() for _ in range(1000)])

    for _ in range(2):
        client.raw_insert(
            table, ["id", "n"], block, settings={"insert_deduplication_token": "a:0:0-9"}, fmt="ArrowStream"
        )

    assert client.command(f"SELECT count() FROM {table}") == 1000


def test_a_token_does_not_reach_the_next_request(client: Any, table: str) -> None:
    token = {"insert_deduplication_token": "only-mine"}
    client.raw_insert(table, ["id", "n"], _stream([uuid.uuid4()]), settings=token, fmt="ArrowStream")

    client.insert(table, [[uuid.uuid4(), 1]], ["id", "n"])
    client.insert(table, [[uuid.uuid4(), 1]], ["id", "n"])
    client.command(f"INSERT INTO {table} SELECT generateUUIDv4(), 7")

    assert client.command(f"SELECT count() FROM {table}") == 4
    assert client.command("SELECT getSetting('insert_deduplication_token')") == ""


def test_native_inserts_queries_parameters_and_arrow_go_through_the_real_client(client: Any, table: str) -> None:
    ids = [uuid.uuid4() for _ in range(3000)]

    summary = client.insert(table, [[one, n] for n, one in enumerate(ids)], ["id", "n"])

    assert summary.written_rows == 3000
    found = client.query(f"SELECT n FROM {table} WHERE id = {{wanted:UUID}}", parameters={"wanted": ids[7]})
    assert found.result_rows == [(7,)]
    assert client.query_arrow(f"SELECT n FROM {table} ORDER BY n").column("n").to_pylist() == list(range(3000))


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip"])
def test_every_compression_the_client_knows_works_both_ways(port: int, table: str, compression: str) -> None:
    with clickhouse_connect.get_client(host="127.0.0.1", port=port, compress=compression) as client:
        client.insert(table, [[uuid.UUID(int=n), n] for n in range(5000)], ["id", "n"])

        assert client.query(f"SELECT sum(n) FROM {table}").result_rows == [(12497500,)]
        assert len(client.query(f"SELECT * FROM {table}").result_rows) == 5000
    request = {"Accept-Encoding": compression}
    _, headers, _ = _get(port, "/?enable_http_compression=1&query=SELECT+number+FROM+numbers(10000)", None, request)
    assert headers["Content-Encoding"] == compression


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
    answered, headers, body = _get(port, "/", sql.encode())

    assert (answered, headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_the_client_raises_the_engines_words(client: Any) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM nowhere")


def test_the_same_block_from_several_senders_at_once_lands_once_in_the_view_too(client: Any, port: int) -> None:
    window = "SETTINGS non_replicated_deduplication_window = 1000"
    client.command(f"CREATE TABLE race (id UUID, n UInt64) ENGINE = MergeTree ORDER BY n PARTITION BY n % 3 {window}")
    client.command(f"CREATE TABLE seen (c UInt64) ENGINE = SummingMergeTree ORDER BY tuple() {window}")
    client.command("CREATE MATERIALIZED VIEW race_to_seen TO seen AS SELECT count() AS c FROM race")
    blocks = [_stream([uuid.uuid4() for _ in range(300)]) for _ in range(15)]

    def send(number: int) -> int:
        path = f"/?query=INSERT+INTO+race+FORMAT+ArrowStream&insert_deduplication_token=block-{number}"
        return _get(port, path, blocks[number])[0]

    with ThreadPoolExecutor(4) as senders:
        statuses = set(senders.map(send, [number for number in range(15) for _ in range(4)]))

    assert (statuses, client.command("SELECT count() FROM race")) == ({200}, 4500)
    assert client.command("SELECT sum(c) FROM seen") == 4500


def test_half_an_insert_leaves_nothing(client: Any, port: int, table: str) -> None:
    block = _stream([uuid.uuid4() for _ in range(1000)])

    status, headers, _ = _get(port, f"/?query=INSERT+INTO+{table}+FORMAT+ArrowStream", block[: len(block) // 2])

    assert (status >= 400, "X-ClickHouse-Exception-Code" in headers) == (True, True)
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_a_connection_cut_in_mid_insert_leaves_nothing_and_the_block_may_come_again(
    client: Any, port: int, table: str
) -> None:
    block = _stream([uuid.uuid4() for _ in range(50_000)])
    with socket.create_connection(("127.0.0.1", port)) as sender:
        path = f"/?query=INSERT+INTO+{table}+FORMAT+ArrowStream&insert_deduplication_token=cut"
        sender.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(block)}\r\n\r\n".encode())
        sender.sendall(block[: len(block) - 1000])

    token = {"insert_deduplication_token": "cut"}
    client.raw_insert(table, ["id", "n"], block, settings=token, fmt="ArrowStream")

    assert client.command(f"SELECT count() FROM {table}") == 50_000


def test_a_sender_that_stalls_in_mid_insert_holds_up_nobody(client: Any, port: int, table: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as stalled:
        path = f"/?query=INSERT+INTO+{table}+FORMAT+CSV"
        stalled.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n".encode())

        client.raw_insert(table, ["id", "n"], _stream([uuid.uuid4()]), fmt="ArrowStream")

        assert client.command(f"SELECT count() FROM {table}") == 1


def test_the_statement_may_stand_in_the_url_the_body_or_both(port: int, table: str) -> None:
    row = str(uuid.uuid4()).encode()

    assert _get(port, "/?query=SELECT+1")[2] == b"1\n"
    assert _get(port, "/", b"SELECT 1 FORMAT JSONEachRow")[2] == b'{"1":1}\n'
    assert _get(port, f"/?query=INSERT+INTO+{table}+FORMAT+CSV", row + b",1\n")[0] == 200
    assert _get(port, f"/?query=INSERT+INTO+{table}+VALUES", b"('" + row + b"',2)")[0] == 200
    assert _get(port, "/", f"INSERT INTO {table} FORMAT TSV\n".encode() + row + b"\t3\n")[0] == 200
    assert _get(port, f"/?query=SELECT+sum(n)+FROM+{table}")[2] == b"6\n"


def test_sql_tools_find_what_they_ask_first(port: int) -> None:
    headers = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": ""}
    path = "/?database=system&default_format=RowBinaryWithNamesAndTypes"

    status, answered, body = _get(port, path, b"SELECT version() AS v, timezone() AS z", headers)

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
    slow = threading.Thread(target=_get, args=(port, "/?query=SELECT+sleep(3)"))
    slow.start()

    client.raw_insert(table, ["id", "n"], _stream([uuid.uuid4()]), fmt="ArrowStream")
    pong = _get(port, "/ping")

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
    many = list(range(50_000))

    assert client.query("SELECT length({many:Array(UInt32)})", {"many": many}).result_rows == [(50_000,)]


def test_an_insert_may_select_from_the_rows_it_brings(client: Any, port: int, table: str) -> None:
    sql = f"INSERT INTO {table} SELECT generateUUIDv4(), a * 2 FROM input('a UInt64') FORMAT CSV\n1\n20\n"

    assert _get(port, "/", sql.encode())[0] == 200

    assert client.command(f"SELECT sum(n) FROM {table}") == 42


def test_clickhouses_own_compression_works_both_ways(port: int) -> None:
    sql = framed(b"SELECT number FROM numbers(200000)")

    status, headers, body = _get(port, "/?compress=1&decompress=1", sql)

    assert (status, json.loads(headers["X-ClickHouse-Summary"])["result_rows"]) == (200, "200000")
    assert b"".join(unframed(iter([body]))) == b"".join(b"%d\n" % number for number in range(200_000))


def test_a_statement_is_killed_by_the_clients_own_id(port: int) -> None:
    slow = b"SELECT sum(sipHash64(number)) FROM numbers(100000000000)"
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(_get, port, "/?query_id=mine", slow)
        while b"finished" not in _get(port, "/", b"KILL QUERY WHERE query_id = 'mine'")[2]:
            time.sleep(0.1)

        assert answer.result()[1]["X-ClickHouse-Exception-Code"] == "394"


def test_a_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    process, port = _start(tmp_path, "--body-bytes-max", "1000000")

    _get(port, "/", b"CREATE TABLE short (a String) ENGINE = Memory")
    refused = _get(port, "/", b"INSERT INTO short FORMAT TSV\n" + b"x" * 2_000_000)
    taken = _get(port, "/", b"INSERT INTO short FORMAT TSV\n" + b"x" * 900_000)
    count = _get(port, "/?query=SELECT+count()+FROM+short")[2]
    process.terminate()

    assert (refused[0], refused[1]["X-ClickHouse-Exception-Code"]) == (413, "229")
    assert (taken[0], count, process.wait(20)) == (200, b"1\n", 0)


def test_answers_of_statements_at_the_same_time_are_not_mixed_up(port: int) -> None:
    expected = b"".join(b"%d\n" % number for number in range(200_000))

    with ThreadPoolExecutor(8) as threads:
        path = "/?query=SELECT+number+FROM+numbers(200000)"
        answers = list(threads.map(lambda _: _get(port, path)[2] == expected, range(80)))

    assert all(answers)


def test_a_page_of_another_site_is_turned_away(port: int) -> None:
    assert _get(port, "/", b"SELECT 1", {"Origin": "https://example.com"})[0] == 403
    assert _get(port, "/", b"SELECT 1", {"Host": "example.com"})[0] == 403


def test_a_get_request_cannot_write(port: int) -> None:
    status, headers, _ = _get(port, "/?query=CREATE+TABLE+sneaky+(a+Int8)+ENGINE=Memory")

    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "164")


def test_a_second_process_on_the_folder_is_told_who_has_it(tmp_path: Path) -> None:
    process, _ = _start(tmp_path)

    second = subprocess.run(command(tmp_path / "clickhouse", 0), capture_output=True, text=True, timeout=60)

    process.terminate()
    assert process.wait(20) == 0
    assert (second.returncode, f"is in use by process {process.pid}" in second.stderr) == (1, True)


def test_being_told_to_end_does_not_wait_for_a_long_statement(tmp_path: Path) -> None:
    process, port = _start(tmp_path)
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.sendall(b"GET /?query=SELECT+sum(sipHash64(number))+FROM+numbers(1000000000000) HTTP/1.1\r\n\r\n")
        while _get(port, "/", b"SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%'")[2] < b"2":
            time.sleep(0.05)

        process.terminate()

        assert process.wait(30) == 0


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


def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    process, port = _start(tmp_path)
    _get(port, "/", b"CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a")
    _get(port, "/", b"INSERT INTO kept FORMAT TSV\n1\n2\n")
    process.kill()
    process.wait()

    process, port = _start(tmp_path)
    count = _get(port, "/?query=SELECT+count()+FROM+kept")[2]
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
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """A process that nobody waited for is a zombie, which does not run."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
