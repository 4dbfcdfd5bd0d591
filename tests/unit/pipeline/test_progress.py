import io

import pytest
from rich.console import Console

from pipeline.accounts import Account, LogAccount
from pipeline.progress import HopProgress, Meter, measure, progress_table
from pipeline.settings import Settings

LOGS = {"events.raw": b"\x01" * 16, "events.accepted": b"\x02" * 16, "events.prepared": b"\x03" * 16}


def account(hop, partition, topic, *fates, position=0, log=None):
    rows = sum(fate[3] for fate in fates)
    name = LOGS[topic].hex() if log is None else log
    return Account(hop=hop, partition=partition, logs=[LogAccount(topic, name, position, False, rows, 0, 0, [*fates])])


def moved(topic, rows):
    return ("moved", 1, LOGS[topic].hex(), rows, 0)


def by_hop(accounts, raw_ends):
    return {hop.hop: hop for hop in measure(Settings(), accounts, LOGS, raw_ends)}


def test_every_hop_is_shown_before_anything_has_happened():
    hops = measure(Settings(), [], LOGS, {0: 0})

    assert [(hop.hop, hop.read, hop.lag) for hop in hops] == [
        ("accept", 0, 0),
        ("resolve", 0, 0),
        ("deliver-clickhouse", 0, 0),
    ]


def test_before_accept_wait_the_records_beyond_its_positions():
    accounts = [account("accept", 0, "events.raw", moved("events.accepted", 10), position=10)]

    assert by_hop(accounts, {0: 25, 1: 7})["accept"].lag == 15 + 7


def test_before_resolve_wait_the_rows_that_accept_moved_and_resolve_has_not_read():
    accounts = [
        account("accept", 0, "events.raw", moved("events.accepted", 10), ("rejected", 0, "not_json", 2, 0)),
        account("accept", 1, "events.raw", moved("events.accepted", 5)),
        account("resolve", 3, "events.accepted", moved("events.prepared", 4), ("dropped", 1, "duplicate", 1, 0)),
    ]

    hops = by_hop(accounts, {})

    assert (hops["accept"].read, hops["accept"].rejected) == (17, 2)
    assert (hops["resolve"].read, hops["resolve"].dropped, hops["resolve"].lag) == (5, 1, 10)
    assert hops["deliver-clickhouse"].lag == 4


def test_counts_of_a_log_that_is_gone_are_left_out():
    accounts = [account("accept", 0, "events.raw", moved("events.accepted", 10), log="ff" * 16)]

    assert by_hop(accounts, {0: 3})["accept"].read == 0


def test_repeats_shown_by_the_embedded_broker_never_make_a_negative_lag():
    accounts = [account("resolve", 0, "events.accepted", moved("events.prepared", 5))]

    assert by_hop(accounts, {})["resolve"].lag == 0


def test_a_rate_is_over_the_last_seconds():
    meter = Meter()
    hop = HopProgress(hop="accept", read=0, moved=0, rejected=0, dropped=0, lag=0)
    for second, read in enumerate([0, 1000, 2000, 3000, 3000, 3000]):
        rated = meter.rated([HopProgress(**{**as_dict(hop), "read": read})], float(second))[0]

    assert rated.per_s == pytest.approx(1000 / 3)
    assert len(rated.history) == 6


def test_the_table_names_every_hop_and_number():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(progress_table([HopProgress(hop="accept", read=12345, moved=1, rejected=7, dropped=0, lag=99)]))

    text = console.export_text()

    assert all(part in text for part in ("accept", "12,345", "7", "99"))


def as_dict(hop):
    return {name: getattr(hop, name) for name in hop.__struct_fields__}
