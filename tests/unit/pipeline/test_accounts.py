"""Counters that go on across commits, and the JSON they are published as."""

import msgspec
import pytest

from pipeline.accounts import Account, LogAccount, LogCounters, decode_account, encode_account

LOG = "ab" * 16


def test_fates_add_up_per_kind_project_and_detail() -> None:
    counters = LogCounters("events.raw", LOG)
    counters.add_read(5, 0)
    counters.count("moved", 1, "cd", 2, 7)
    counters.count("moved", 1, "cd", 1, 4)
    counters.count("moved", 2, "cd", 1, 1)
    counters.count("rejected", 1, "not_json", 1)

    fates = counters.freeze().fates

    assert fates == [("moved", 1, "cd", 3, 11), ("moved", 2, "cd", 1, 1), ("rejected", 1, "not_json", 1, 0)]


def test_a_row_without_a_fate_is_a_bug_that_stops_the_commit() -> None:
    counters = LogCounters("events.raw", LOG)
    counters.add_read(2, 0)
    counters.count("moved", 1, "cd", 1)

    with pytest.raises(AssertionError, match="2 rows read, 1 accounted for"):
        counters.freeze()


def test_sums_wrap_at_64_bits_as_clickhouse_does() -> None:
    counters = LogCounters("events.raw", LOG)
    counters.add_read(2, 2**64 + 1)
    counters.count("moved", 1, "cd", 2, 2**64 - 1)
    counters.count("moved", 1, "cd", 0, 2)

    frozen = counters.freeze()

    assert (frozen.sum, frozen.fates[0][4]) == (1, 1)


def test_counters_go_on_from_what_was_committed() -> None:
    counters = LogCounters("events.raw", LOG)
    counters.start_at(7)
    counters.add_read(1, 3)
    counters.count("moved", 1, "cd", 1, 3)
    counters.position = 8

    assert LogCounters.thaw(counters.freeze()).freeze() == counters.freeze()


def test_a_frozen_account_does_not_change_when_counting_goes_on() -> None:
    counters = LogCounters("events.raw", LOG)
    before = counters.freeze()
    counters.add_read(1, 0)
    counters.count("moved", 1, "cd", 1)

    assert (before.rows, before.fates) == (0, [])


@pytest.mark.parametrize(
    ("read", "low", "expired", "start"),
    [(0, 0, 0, 0), (0, 9, 0, 9), (4, 4, 0, 0), (4, 9, 5, 0)],
)
def test_what_retention_took_counts_as_expired_once_something_was_read(
    read: int, low: int, expired: int, start: int
) -> None:
    counters = LogCounters("events.raw", LOG)
    counters.add_read(read, 0)
    counters.position = read

    counters.start_at(low)

    assert (counters.expired, counters.start, counters.position) == (expired, start, max(read, low))


def test_an_account_is_the_json_it_is_documented_as() -> None:
    log = LogAccount("events.raw", LOG, 3, rows=3, fates=[("moved", 1, "cd", 3, 9)])
    account = Account(hop="accept", partition=2, config="c0ffee", epoch=1, logs=[log])

    assert msgspec.json.decode(encode_account(account)) == {
        "v": 1, "hop": "accept", "partition": 2, "config": "c0ffee", "epoch": 1,
        "logs": [{
            "topic": "events.raw", "log": LOG, "position": 3, "closed": False, "rows": 3, "sum": 0, "expired": 0,
            "fates": [["moved", 1, "cd", 3, 9]], "start": 0,
            "repaired": 0, "late": 0, "sent": [],
        }],
    }  # fmt: skip
    assert decode_account(encode_account(account)) == account


def test_an_account_of_an_earlier_version_is_read_with_defaults() -> None:
    old = b'{"v":1,"hop":"accept","partition":0,"logs":[{"topic":"events.raw","log":"ab","position":5}]}'

    assert decode_account(old).logs == [LogAccount("events.raw", "ab", 5)]
