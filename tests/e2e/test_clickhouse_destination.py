"""Blocks into a real ClickHouse engine, over HTTP: every row once, whatever is sent again and in what order."""

import itertools
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pyarrow as pa
import pytest

from destinations.clickhouse import Config
from destinations.clickhouse.errors import CONTENT_CODES, RETRYABLE_CODES
from destinations.clickhouse.migrate import migrate, migrations, pending, preparation, render
from destinations.clickhouse.reference import tables
from destinations.clickhouse.sift import sift
from schemas.batches import PREPARED, REJECTED
from schemas.block import Part, parts_by_month, whole
from tests.e2e.clickhouse_server import Warehouse
from tests.unit.destinations.rows import LOG, block, month, prepared, rejected

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_every_column_arrives_as_it_was_sent(warehouse: Warehouse, compression: str) -> None:
    sent = prepared(3, timestamp=[0, 1_700_000_000_000_001, month(291 * 12) - 1], properties=[b"{}", b"\xff\0", b""])

    warehouse.destination(compression=compression).insert(block(sent))

    names = ", ".join(f"`{name}`" for name in PREPARED.names)
    found = warehouse.client.query_arrow(f"SELECT {names} FROM events ORDER BY _row", use_strings=False)
    for name in PREPARED.names:
        kind = PREPARED.field(name).type
        expected = sent.column(name).to_pylist()
        arrived = found.column(name).combine_chunks().cast(kind).to_pylist()
        assert arrived == expected, name


def test_a_uuid_is_the_one_that_was_sent(warehouse: Warehouse) -> None:
    spelled = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    warehouse.destination().insert(block(prepared(uuid=[spelled.bytes], person_id=[spelled.bytes])))

    assert warehouse.ask("SELECT toString(uuid), person_id, _log FROM events") == [(str(spelled), spelled, LOG)]


def test_a_row_carries_its_place(warehouse: Warehouse) -> None:
    warehouse.destination(epoch=4).insert(block(prepared(2), prepared(1, first=9), first=7))

    places = warehouse.ask("SELECT _partition, _offset, _row, _epoch FROM events ORDER BY _offset, _row")
    assert places == [(0, 7, 0, 4), (0, 7, 1, 4), (0, 8, 0, 4)]


def test_the_same_block_again_changes_nothing_not_even_in_views(warehouse: Warehouse) -> None:
    warehouse.count_in_view("counted")
    sent = block(prepared(30, timestamp=[month(600 + row % 3) for row in range(30)]))

    for _ in range(3):
        warehouse.destination().insert(sent)

    assert warehouse.one("SELECT count() FROM events") == 30
    assert warehouse.counted("counted") == 30


def test_what_a_dead_worker_still_sends_after_us_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.count_in_view("counted")
    ours, later = block(prepared(5)), block(prepared(5, first=50), first=1)

    for sent in (ours, later, ours):
        warehouse.destination().insert(sent)

    assert warehouse.one("SELECT count() FROM events") == 10
    assert warehouse.counted("counted") == 10


def test_two_workers_with_the_same_block_at_once_land_it_once(warehouse: Warehouse) -> None:
    warehouse.count_in_view("counted")
    sent = block(*(prepared(200, first=1000 * number) for number in range(5)))

    with ThreadPoolExecutor(6) as workers:
        list(workers.map(lambda _: warehouse.destination().insert(sent), range(6)))

    assert warehouse.one("SELECT count() FROM events") == 1000
    assert warehouse.counted("counted") == 1000


def test_a_block_that_landed_in_one_of_its_months_is_completed(warehouse: Warehouse) -> None:
    sent = block(prepared(30, timestamp=[month(600 + row % 3) for row in range(30)]))
    landed = Part(sent, "", numpy.arange(0, 30, 3))
    sift(landed, lambda part: warehouse.destination()._send("events", part), 1.0)
    warehouse.count_in_view("counted")  # it had not come to the view when it stopped

    warehouse.destination().insert(sent)

    assert warehouse.one("SELECT count() FROM events") == warehouse.one("SELECT uniqExact(uuid) FROM events") == 30
    assert warehouse.counted("counted") == 30


def test_a_block_of_more_months_than_an_insert_takes_lands_once(warehouse: Warehouse) -> None:
    warehouse.count_in_view("counted")
    sent = block(prepared(250, timestamp=[month(number) for number in range(250)]))
    assert len(parts_by_month(whole(sent))) == 3

    for _ in range(2):
        assert warehouse.destination().insert(sent).rejected == {}

    assert warehouse.one("SELECT uniqExact(toYYYYMM(timestamp)) FROM events") == 250
    assert (warehouse.one("SELECT count() FROM events"), warehouse.counted("counted")) == (250, 250)


def test_a_block_of_many_messages_becomes_one_part_a_month(warehouse: Warehouse) -> None:
    sent = block(*(prepared(500, first=1000 * number, timestamp=[month(600)] * 500) for number in range(40)))

    warehouse.run("SYSTEM STOP MERGES events")
    warehouse.destination().insert(sent)

    where = "table = 'events' AND active AND database = currentDatabase()"
    assert warehouse.ask(f"SELECT count(), sum(rows) FROM system.parts WHERE {where}") == [(1, 20_000)]


COPIES = [(0, 5), (0, 9), (1, 0)]
"""(log epoch, offset) of three copies of one event, the first one first."""


@pytest.mark.parametrize("order", list(itertools.permutations(COPIES)))
def test_of_several_copies_the_first_wins_in_whatever_order_they_arrive(
    warehouse: Warehouse, order: list[tuple[int, int]]
) -> None:
    for epoch, offset in order:
        said = f"{epoch}:{offset}".encode()
        warehouse.destination(epoch).insert(block(prepared(2, first=1, properties=[said, b"x"]), first=offset))

    assert warehouse.ask("SELECT properties FROM events_resolved ORDER BY uuid LIMIT 1") == [("0:5",)]
    warehouse.run("OPTIMIZE TABLE events FINAL")
    assert warehouse.ask("SELECT properties FROM events ORDER BY uuid LIMIT 1") == [("0:5",)]


def test_of_two_copies_in_one_message_the_first_row_wins(warehouse: Warehouse) -> None:
    same = [uuid.UUID(int=1).bytes] * 2

    warehouse.destination().insert(block(prepared(2, uuid=same, properties=[b"first", b"second"])))

    assert warehouse.ask("SELECT properties FROM events_resolved") == [("first",)]


def test_usage_counts_an_event_once_on_its_day(warehouse: Warehouse) -> None:
    far = month(12 * 250)
    for offset in (0, 1):
        warehouse.destination().insert(block(prepared(2, timestamp=[month(600), far]), first=offset))

    usage = warehouse.ask("SELECT toString(day), events, distinct_ids FROM usage_daily ORDER BY day")
    assert usage == [("2020-01-01", 1, 1), ("2220-01-01", 1, 1)]


def test_a_rejected_record_keeps_its_bytes_and_its_reason(warehouse: Warehouse) -> None:
    sent = rejected(2, code=["not_json", "too_deep"], value=[b"\x00\xff{", None], key=[None, b"k"], message=["a", "b"])

    for _ in range(2):
        warehouse.destination().insert(block(sent, topic="prefix.events.rejected"))

    names = ", ".join(f"`{name}`" for name in REJECTED.names)
    found = warehouse.client.query_arrow(f"SELECT {names} FROM rejected_events ORDER BY _row", use_strings=False)
    for name in ("code", "message", "key", "value", "offset", "headers"):
        expected = sent.column(name).to_pylist()
        assert found.column(name).combine_chunks().cast(REJECTED.field(name).type).to_pylist() == expected


def test_rejected_records_of_absurd_times_land_as_well(warehouse: Warehouse) -> None:
    times = [month(number) for number in range(0, 1500, 5)] + [-(2**62), 2**62, -1000]
    sent = rejected(len(times), record_timestamp=times)

    warehouse.destination().insert(block(sent, topic="events.rejected"))

    assert warehouse.one("SELECT count() FROM rejected_events FINAL") == len(times)


def test_of_the_accounts_of_a_hop_the_newest_is_kept_for_each_epoch(warehouse: Warehouse) -> None:
    def account(epoch: int, rows: int) -> pa.RecordBatch:
        text = f'{{"hop":"accept","partition":3,"epoch":{epoch},"rows":{rows}}}'
        return pa.record_batch([pa.array([text.encode()], pa.binary())], names=["value"])

    warehouse.destination(0).insert(block(account(0, 5), account(0, 8), topic="accounts"))
    warehouse.destination(1).insert(block(account(1, 2), topic="accounts"))

    query = "SELECT hop, hop_partition, epoch, JSONExtractInt(value, 'rows') FROM accounts FINAL ORDER BY epoch"
    assert warehouse.ask(query) == [("accept", 3, 0, 8), ("accept", 3, 1, 2)]


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    before = warehouse.ask("SELECT name, uuid FROM system.tables WHERE database = currentDatabase() ORDER BY name")

    assert (pending(warehouse.config), migrate(warehouse.config)) == ([], [])
    after = warehouse.ask("SELECT name, uuid FROM system.tables WHERE database = currentDatabase() ORDER BY name")
    assert before == after


def test_asking_what_is_pending_creates_nothing(port: int, warehouse: Warehouse) -> None:
    nowhere = Config(url=f"http://127.0.0.1:{port}", database="not_there_yet")

    assert pending(nowhere) == migrations()
    assert warehouse.ask("SELECT name FROM system.databases WHERE name = 'not_there_yet'") == []


def test_the_ddl_for_a_cluster_parses(warehouse: Warehouse) -> None:
    clustered = Config(database="d", cluster="main")
    statements = [*preparation(clustered), *(text for each in migrations() for text in render(each, clustered))]

    for statement in statements:
        assert warehouse.ask(f"EXPLAIN AST {statement}")[0][0].startswith(("Create", "Alter"))


def test_the_engine_has_the_columns_that_the_page_tells(warehouse: Warehouse) -> None:
    query = "SELECT name, type, comment FROM system.columns WHERE table = '{}' AND database = currentDatabase()"

    for table in tables():
        if table.columns:
            told = [(column.name, column.type, column.meaning) for column in table.columns]
            assert sorted(warehouse.ask(query.format(table.name))) == sorted(told)


def test_every_statement_on_the_page_runs(warehouse: Warehouse) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
    examples = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 5

    warehouse.run(*examples)
    warehouse.destination().insert(block(prepared(3, properties=[b'{"$current_url":"/a"}'] * 3)))

    assert warehouse.ask("SELECT DISTINCT my_page FROM events") == [("/a",)]
    assert warehouse.one("SELECT uniqExactMerge(uuids) FROM my_totals") == 3


@pytest.mark.parametrize("code", sorted(CONTENT_CODES.keys() | RETRYABLE_CODES.keys()))
def test_an_error_code_has_the_name_the_engine_gives_it(warehouse: Warehouse, code: int) -> None:
    told = CONTENT_CODES.get(code) or RETRYABLE_CODES[code][0]

    assert warehouse.one(f"SELECT errorCodeToName({code})") == told
