"""What the audit says about each kind of difference, and what it keeps quiet about."""

from typing import Any

import pytest

from pipeline.accounts import Account, LogAccount
from pipeline.audit import AuditReport, add_up
from pipeline.audit_evidence import ClosedLog, Evidence, Landing, RawLog, Waiting
from pipeline.audit_landing import ranges
from pipeline.audit_trace import differences

LOGS = {
    "events.raw": "aa" * 16,
    "events.accepted": "bb" * 16,
    "events.prepared": "cc" * 16,
    "events.rejected": "dd" * 16,
}
DELIVER = "deliver-clickhouse"
READERS = {"events.accepted": ["resolve"], "events.prepared": [DELIVER], "events.rejected": [DELIVER]}


def log(topic: str, rows: int, *fates: tuple[str, int, str, int, int], **more: Any) -> LogAccount:
    found = {"log": LOGS[topic], "position": rows, "sum": 0 if topic == "events.raw" else sum(f[4] for f in fates)}
    return LogAccount(topic=topic, rows=rows, fates=list(fates), **{**found, **more})


def account(hop: str, *logs: LogAccount, partition: int = 0) -> Account:
    return Account(hop=hop, partition=partition, logs=list(logs))


def accepts(rows: int, output: str = LOGS["events.accepted"]) -> Account:
    return account("accept", log("events.raw", rows, ("moved", 1, output, rows, 10 * rows)))


def audited(*accounts: Account, **more: Any) -> AuditReport:
    settings = {"logs": LOGS, "readers": READERS, "partitions": 2, **more}
    return add_up(Evidence(accounts=list(accounts), **settings))


def waits(topic: str, reader: str, rows: int, uuid_sum: int, removed: int = 0) -> Waiting:
    return Waiting(topic, LOGS[topic], 0, reader, rows, uuid_sum, removed)


def test_an_installation_that_has_done_nothing_is_in_order() -> None:
    report = audited()

    assert (report.unaccounted, report.pending, report.problems, report.hops) == (0, 0, [], [])


def test_what_waits_is_pending_and_accounted_for() -> None:
    report = audited(accepts(5), waiting=[waits("events.accepted", "resolve", 5, 50)])

    assert (report.accepted, report.pending, report.unaccounted) == (5, 5, 0)
    assert [line["waiting"] for line in report.hops if line["hop"] == "resolve"] == [5]


def test_what_is_neither_read_nor_waits_is_named_with_its_topic_and_reader() -> None:
    report = audited(accepts(5), waiting=[waits("events.accepted", "resolve", 3, 30)])

    assert report.unaccounted == 2
    assert report.problems == [
        "5 rows were written to events.accepted (log bbbbbbbb) before resolve, 3 are read or waiting"
    ]


def test_rows_that_retention_took_unread_are_missed_and_the_reason_is_said() -> None:
    report = audited(accepts(5), waiting=[waits("events.accepted", "resolve", 3, 30, removed=7)])

    assert report.unaccounted == 2
    assert report.problems[0].endswith("retention removed 7 offsets there")


def test_rejections_are_summed_by_code_and_filters_apart_from_drops() -> None:
    fates = (("rejected", 0, "not_json", 2, 0), ("rejected", 1, "not_json", 1, 0), ("dropped", 1, "bots", 4, 0))
    filtered = log("events.prepared", 1, ("dropped", 1, "only purchases", 1, 1))
    waiting = [waits("events.rejected", DELIVER, 3, 0)]
    report = audited(account("accept", log("events.raw", 7, *fates)), account(DELIVER, filtered), waiting=waiting)

    assert (report.rejected, report.rejected_by_code) == (3, {"not_json": 3})
    assert (report.dropped, report.filtered) == (4, 1)


def test_a_rejection_is_looked_for_in_the_partition_it_goes_to() -> None:
    refused = account("accept", log("events.raw", 1, ("rejected", 0, "not_json", 1, 0)), partition=3)
    there = Waiting("events.rejected", LOGS["events.rejected"], 1, DELIVER, 1, 0)

    assert audited(refused, waiting=[there]).unaccounted == 0


def test_a_collapsed_repeat_is_a_duplicate_and_not_delivered() -> None:
    prepared = log("events.prepared", 3, ("moved", 1, "clickhouse", 3, 6))
    writes = account("resolve", log("events.accepted", 3, ("moved", 1, LOGS["events.prepared"], 3, 6)))
    landing = Landing("events.prepared", LOGS["events.prepared"], 0, DELIVER, rows=3, found=2, collapsed=1)
    report = audited(accepts_with_sum(3, 6), writes, account(DELIVER, prepared), landings=[landing])

    assert (report.delivered, report.duplicates, report.unaccounted) == (2, 1, 0)


def accepts_with_sum(rows: int, uuid_sum: int) -> Account:
    return account("accept", log("events.raw", rows, ("moved", 1, LOGS["events.accepted"], rows, uuid_sum)))


@pytest.mark.parametrize(("found", "unaccounted"), [(1, 2), (4, 1)])
def test_clickhouse_may_hold_neither_less_nor_more(found: int, unaccounted: int) -> None:
    absent = ["offset 7 row 0 to 1"]
    landing = Landing("events.prepared", LOGS["events.prepared"], 0, DELIVER, rows=3, found=found, absent=absent)

    report = audited(landings=[landing])

    assert report.unaccounted == unaccounted
    assert report.problems[0].endswith(f"ClickHouse holds {found}; not there: offset 7 row 0 to 1")


def test_positions_older_than_the_log_are_said_and_are_no_alarm() -> None:
    landing = Landing("events.prepared", LOGS["events.prepared"], 0, DELIVER, rows=3, found=2, unverifiable=1)

    report = audited(landings=[landing])

    assert (report.unaccounted, report.unverifiable) == (0, 1)
    assert "too late to look them up" in report.notes[0]


@pytest.mark.parametrize(
    ("rows", "position", "records", "first", "expired", "unaccounted"),
    [
        pytest.param(5, 5, None, 0, 0, 0, id="every offset is a record"),
        pytest.param(3, 5, 3, 0, 0, 0, id="two offsets are markers"),
        pytest.param(3, 5, 4, 0, 0, 1, id="one record was passed over"),
        pytest.param(4, 5, 3, 0, 0, 1, id="one record was counted twice"),
        pytest.param(6, 5, None, 0, 0, 1, id="more records than offsets"),
        pytest.param(3, 5, None, 0, 0, 0, id="not counted again"),
        pytest.param(3, 5, 2, 3, 0, 0, id="two offsets went before anybody counted"),
        pytest.param(4, 5, 0, 3, 0, 1, id="counted twice in what is left"),
        pytest.param(2, 5, None, 3, 3, 3, id="retention was faster than accept"),
        pytest.param(1, 5, 1, 3, 3, 0, id="retention took what may have been markers"),
    ],
)
def test_every_offset_that_accept_has_passed(
    rows: int, position: int, records: int | None, first: int, expired: int, unaccounted: int
) -> None:
    read = log("events.raw", rows, ("dropped", 1, "bots", rows, 0), position=position, expired=expired)

    report = audited(account("accept", read), raw=[RawLog(0, read, first=first, records=records)])

    assert (report.unaccounted, report.expired) == (unaccounted, expired)


def test_a_log_that_is_gone_is_named_with_what_went_with_it_unread() -> None:
    former = "ee" * 16
    read = log("events.accepted", 3, ("dropped", 1, "duplicate", 3, 30), log=former, closed=True)
    report = audited(accepts(5, output=former), account("resolve", read))

    assert (report.unaccounted, report.vanished) == (0, 2)
    assert report.closed_logs == [ClosedLog("events.accepted", former, "resolve", 3, 5, 2)]


def test_logs_of_a_former_broker_are_named_from_what_clickhouse_kept() -> None:
    read = log("events.raw", 4, ("dropped", 1, "bots", 4, 0), log="ff" * 16)

    report = audited(former=[account("accept", read), account("accept", read, partition=1)])

    assert (report.unaccounted, report.accepted, report.dropped) == (0, 0, 0)
    assert report.closed_logs == [ClosedLog("events.raw", "ff" * 16, "accept", 8)]


def test_after_events_rejected_was_created_again_older_rejections_are_not_missed() -> None:
    refused = account("accept", log("events.raw", 5, ("rejected", 0, "not_json", 5, 0)))
    read = log("events.rejected", 2, ("moved", 0, "clickhouse", 2, 0), log="ee" * 16, closed=True)

    report = audited(refused, account(DELIVER, read))

    assert (report.unaccounted, report.vanished) == (0, 3)


def test_missing_places_are_joined_to_ranges_and_not_too_many_are_shown() -> None:
    assert ranges([(7, 2), (7, 0), (7, 1), (9, 4)]) == ["offset 7 row 0 to 2", "offset 9 row 4"]
    assert ranges([(offset, 0) for offset in range(12)])[-1] == "and 2 more places"


def test_the_trace_names_the_writer_and_the_reader_whose_figures_are_off() -> None:
    reads = account("resolve", log("events.accepted", 4, ("dropped", 1, "duplicate", 4, 0)))
    evidence = Evidence(accounts=[accepts(5), reads], logs=LOGS, readers=READERS, partitions=2)

    said = differences(evidence, "events.accepted", written={("accept", 0): 6}, read={("resolve", 0): 5})

    assert said == [
        "accept:0 says that it wrote 5 rows to events.accepted; the log holds 6 of them",
        "resolve:0 says that it read 4 rows of events.accepted[0] before offset 4; the log holds 5",
    ]
