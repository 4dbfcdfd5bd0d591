"""Facts of people and visits are accounted for like events: what was sent is read, or lies before its reader."""

import pytest

from pipeline.accounts import Account, LogAccount, LogCounters
from pipeline.audit import AuditReport, add_facts
from pipeline.audit_facts import Facts, fact_lines, figures

CLAIMS, ACCEPTED = "c" * 32, "a" * 32


def accounts(sent: int, read: int) -> list[Account]:
    resolve = LogAccount("events.accepted", ACCEPTED, 9, rows=100, sent=[(CLAIMS, sent - 1)])
    other = LogAccount("events.accepted", ACCEPTED, 9, rows=10, sent=[(CLAIMS, 1)])
    identify = LogAccount("identity.claims", CLAIMS, 7, rows=read)
    return [
        Account(hop="resolve", partition=0, logs=[resolve]),
        Account(hop="resolve", partition=1, logs=[other]),
        Account(hop="identify", partition=3, logs=[identify]),
    ]


def lines(sent: int, read: int, waiting: int) -> list[Facts]:
    logs, readers = {"identity.claims": CLAIMS}, {"identity.claims": ["identify"]}
    return fact_lines(figures(accounts(sent, read)), logs, readers, {("identity.claims", "identify"): waiting})


def test_what_was_sent_is_read_or_lies_before_its_reader() -> None:
    report = AuditReport()

    add_facts(report, lines(sent=30, read=20, waiting=10), still=True, shows_aborted=False)

    assert (report.unaccounted, report.facts_pending, report.problems) == (0, 10, [])


@pytest.mark.parametrize(("read", "waiting", "missing"), [(20, 9, 1), (20, 0, 10), (25, 10, 5)])
def test_a_fact_that_is_lost_or_there_twice_is_missed(read: int, waiting: int, missing: int) -> None:
    report = AuditReport()

    add_facts(report, lines(30, read, waiting), still=True, shows_aborted=False)

    assert report.unaccounted == missing
    assert report.problems == [
        f"30 facts were sent to identity.claims, identify has read {read} and {waiting} lie before it"
    ]


def test_a_broker_that_shows_aborted_facts_may_show_more_but_not_less() -> None:
    more, less = AuditReport(), AuditReport()

    add_facts(more, lines(30, 31, 0), still=True, shows_aborted=True)
    add_facts(less, lines(30, 29, 0), still=True, shows_aborted=True)

    assert (more.unaccounted, less.unaccounted) == (0, 1)


def test_facts_that_move_are_not_compared_and_that_is_said() -> None:
    report = AuditReport()

    add_facts(report, lines(30, 20, 5), still=False, shows_aborted=False)

    assert report.unaccounted == 0
    assert "moving" in report.notes[0]


def test_a_split_was_sent_by_no_hop() -> None:
    fates = [("applied", 1, "", 5, 0), ("applied", 1, "command", 2, 0)]
    identify = LogAccount("identity.claims", CLAIMS, 7, rows=7, fates=fates)

    assert figures([Account(hop="identify", partition=0, logs=[identify])]).read == {(CLAIMS, "identify"): 5}


def test_what_was_sent_is_counted_on_after_a_restart() -> None:
    counters = LogCounters("events.accepted", ACCEPTED)
    counters.send(CLAIMS, 3)
    again = LogCounters.thaw(counters.freeze())
    again.send(CLAIMS, 4)

    assert again.freeze().sent == [(CLAIMS, 7)]
