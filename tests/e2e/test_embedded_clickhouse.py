"""The embedded ClickHouse as clickhouse-connect sees it: inserts, tokens, queries."""

import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.embedded.engine import MEMORY_LOOK_MS
from tests.e2e.embedded_server import arrow_stream, get

pytestmark = pytest.mark.e2e


def test_sixteen_big_endian_bytes_in_arrow_arrive_as_the_uuid_they_spell(client: Any, table: str) -> None:
    spelled = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")

    client.raw_insert(table, ["id", "n"], arrow_stream([spelled]), fmt="ArrowStream")

    assert client.query(f"SELECT id, toString(id) FROM {table}").result_rows == [(spelled, str(spelled))]


def test_a_block_sent_again_under_its_token_lands_once(client: Any, table: str) -> None:
    block = arrow_stream([uuid.uuid4() for _ in range(1000)])

    for _ in range(2):
        client.raw_insert(
            table, ["id", "n"], block, settings={"insert_deduplication_token": "a:0:0-9"}, fmt="ArrowStream"
        )

    assert client.command(f"SELECT count() FROM {table}") == 1000


def test_a_token_does_not_reach_the_next_request(client: Any, table: str) -> None:
    token = {"insert_deduplication_token": "only-mine"}
    client.raw_insert(table, ["id", "n"], arrow_stream([uuid.uuid4()]), settings=token, fmt="ArrowStream")

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
    _, headers, _ = get(port, "/?enable_http_compression=1&query=SELECT+number+FROM+numbers(10000)", None, request)
    assert headers["Content-Encoding"] == compression


def test_the_client_raises_the_engines_words(client: Any) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM nowhere")


def test_the_same_block_from_several_senders_at_once_lands_once_in_the_view_too(client: Any, port: int) -> None:
    window = "SETTINGS non_replicated_deduplication_window = 1000"
    client.command(f"CREATE TABLE race (id UUID, n UInt64) ENGINE = MergeTree ORDER BY n PARTITION BY n % 3 {window}")
    client.command(f"CREATE TABLE seen (c UInt64) ENGINE = SummingMergeTree ORDER BY tuple() {window}")
    client.command("CREATE MATERIALIZED VIEW race_to_seen TO seen AS SELECT count() AS c FROM race")
    blocks = [arrow_stream([uuid.uuid4() for _ in range(300)]) for _ in range(15)]

    def send(number: int) -> int:
        path = f"/?query=INSERT+INTO+race+FORMAT+ArrowStream&insert_deduplication_token=block-{number}"
        return get(port, path, blocks[number])[0]

    with ThreadPoolExecutor(4) as senders:
        statuses = set(senders.map(send, [number for number in range(15) for _ in range(4)]))

    assert (statuses, client.command("SELECT count() FROM race")) == ({200}, 4500)
    assert client.command("SELECT sum(c) FROM seen") == 4500


def test_half_an_insert_leaves_nothing(client: Any, port: int, table: str) -> None:
    block = arrow_stream([uuid.uuid4() for _ in range(1000)])

    status, headers, _ = get(port, f"/?query=INSERT+INTO+{table}+FORMAT+ArrowStream", block[: len(block) // 2])

    assert (status >= 400, "X-ClickHouse-Exception-Code" in headers) == (True, True)
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_a_connection_cut_in_mid_insert_leaves_nothing_and_the_block_may_come_again(
    client: Any, port: int, table: str
) -> None:
    block = arrow_stream([uuid.uuid4() for _ in range(50_000)])
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

        client.raw_insert(table, ["id", "n"], arrow_stream([uuid.uuid4()]), fmt="ArrowStream")

        assert client.command(f"SELECT count() FROM {table}") == 1


def test_an_insert_may_select_from_the_rows_it_brings(client: Any, port: int, table: str) -> None:
    sql = f"INSERT INTO {table} SELECT generateUUIDv4(), a * 2 FROM input('a UInt64') FORMAT CSV\n1\n20\n"

    assert get(port, "/", sql.encode())[0] == 200

    assert client.command(f"SELECT sum(n) FROM {table}") == 42


def test_the_engine_looks_at_its_memory_as_rarely_as_it_is_told(client: Any) -> None:
    found = client.query("SELECT value, changed FROM system.server_settings WHERE name = 'memory_worker_period_ms'")

    assert found.result_rows == [(str(MEMORY_LOOK_MS), 1)]
