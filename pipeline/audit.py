"""Proves that every event is accounted for: what one hop moved, the next has read or still has before it.

The sums run over logs, not over topics: a topic that was created again is another log, and the counts of the one
that is gone are closed and named. Everything here is arithmetic; pipeline/evidence.py fetches what it adds up.
"""

from collections.abc import Iterable

import msgspec

from pipeline.accounts import Account, LogAccount
from pipeline.outcome import DROPPED, DUPLICATE, MOVED, REJECTED

__all__ = ["AuditReport", "ClosedLog", "Evidence", "Landing", "Passage", "add_up"]


class Passage(msgspec.Struct, frozen=True):
    """One topic between hops, as counted in its present log."""

    topic: str
    log: str
    writers: list[str]
    readers: list[str]
    """Hops, each of which reads everything."""
    ahead: dict[str, tuple[int, int]] = {}
    """Per reader: rows and uuid sum of what lies beyond its positions, read in the log itself."""


class Landing(msgspec.Struct, frozen=True):
    """What ClickHouse holds of one log, against what deliver says has landed."""

    topic: str
    hop: str
    rows: int
    """Rows that deliver counts as landed, below its committed positions."""
    present: int
    """Distinct positions of that range in ClickHouse."""
    collapsed: int = 0
    """Positions that are missing because an earlier copy of the same event is there."""


class ClosedLog(msgspec.Struct, frozen=True):
    """A log that is gone: its topic was deleted or created again, or its broker was a former one."""

    hop: str
    topic: str
    log: str
    rows: int


class Evidence(msgspec.Struct, frozen=True):
    """Everything the audit needs: accounts before and after the logs were read, the logs, and the destination."""

    before: list[Account]
    after: list[Account]
    passages: list[Passage]
    raw_topic: str
    raw_log: str
    raw_pending: int
    landings: list[Landing] = []
    closed: list[ClosedLog] = []
    shows_aborted: bool = False
    """The embedded broker: a crashed worker's events may have travelled twice."""


class AuditReport(msgspec.Struct):
    """The answer. `unaccounted` must be 0; `problems` says where it is not."""

    accepted: int = 0
    delivered: int = 0
    duplicates: int = 0
    filtered: int = 0
    dropped: int = 0
    rejected: int = 0
    pending: int = 0
    unaccounted: int = 0
    redelivered: int = 0
    expired: int = 0
    rejected_by_code: dict[str, int] = {}
    hops: list[dict[str, int | str]] = []
    problems: list[str] = []
    closed_logs: list[ClosedLog] = []


def add_up(evidence: Evidence) -> AuditReport:
    """Add everything up. Each difference is counted once, and said."""
    report = AuditReport(closed_logs=[*_closed(evidence.before), *evidence.closed])
    logs = list(_logs(evidence.before))
    for hop, log in logs:
        report.expired += log.expired
        _count(report, evidence, hop, log)
    report.hops = _by_hop(logs)
    report.pending = evidence.raw_pending
    for passage in evidence.passages:
        _cross(report, evidence, passage)
    for landing in evidence.landings:
        _land(report, landing)
    return report


def _count(report: AuditReport, evidence: Evidence, hop: str, log: LogAccount) -> None:
    """One log's fates, into the totals."""
    counted = sum(fate[3] for fate in log.fates)
    if counted != log.rows:
        _miss(report, abs(log.rows - counted), f"{hop} read {log.rows} rows of {log.topic} and counts {counted}")
    for kind, _project, detail, rows, _sum in log.fates:
        if kind == REJECTED:
            report.rejected += rows
            report.rejected_by_code[detail] = report.rejected_by_code.get(detail, 0) + rows
        elif kind == DROPPED and detail == DUPLICATE:
            report.duplicates += rows
        elif kind == DROPPED and hop.startswith("deliver-"):
            report.filtered += rows
        elif kind == DROPPED:
            report.dropped += rows
        elif kind == MOVED and hop == "accept":
            report.accepted += rows
        elif kind == MOVED and log.topic.endswith("events.prepared"):
            report.delivered += rows


def _cross(report: AuditReport, evidence: Evidence, passage: Passage) -> None:
    """What was written to a log must be read or lie ahead, for every reader.

    The logs are read between two looks at the accounts. What lies in them was written at the first look already, or
    by the second: the count must lie between the two. When nothing moved meanwhile, it must be equal, and so must
    the uuid sums.
    """
    least, least_sum = _written(evidence.before, passage)
    most, _ = _written(evidence.after, passage)
    for reader in passage.readers:
        ahead, ahead_sum = passage.ahead.get(reader, (0, 0))
        read = _of_log(evidence.before, reader, passage.log)
        rows = sum(log.rows for log in read) + ahead
        report.pending += ahead
        where = f"{passage.topic} (log {passage.log[:8]}) before {reader}"
        if rows < least:
            _miss(report, least - rows, f"{least} rows were written to {where}, {rows} are read or waiting")
        elif rows > most and evidence.shows_aborted:
            report.redelivered += rows - most
        elif rows > most:
            _miss(report, rows - most, f"{most} rows were written to {where}, {rows} are read or waiting")
        elif least == most and rows == most and passage.writers != ["*"]:
            total = (sum(log.sum for log in read) + ahead_sum) & 0xFFFFFFFFFFFFFFFF
            if least_sum is not None and total != least_sum:
                _miss(report, 1, f"as many rows as were written passed {where}, but not the same ones")


def _land(report: AuditReport, landing: Landing) -> None:
    report.duplicates += landing.collapsed
    if landing.topic.endswith("events.prepared"):
        report.delivered -= landing.collapsed
    found = landing.present + landing.collapsed
    if found != landing.rows:
        _miss(
            report,
            abs(landing.rows - found),
            f"{landing.hop} says that {landing.rows} rows of {landing.topic} have landed, ClickHouse holds {found}",
        )


def _written(accounts: Iterable[Account], passage: Passage) -> tuple[int, int | None]:
    """Rows and uuid sum that the writers say went to the log; rejected records have no uuid, so no sum."""
    rows, total = 0, 0
    rejected = passage.topic.endswith("events.rejected")
    for hop, log in _logs(accounts):
        if hop not in passage.writers:
            continue
        for kind, _project, detail, count, uuid_sum in log.fates:
            if rejected and kind == REJECTED:
                rows += count
            elif not rejected and kind == MOVED and detail == passage.log:
                rows += count
                total = (total + uuid_sum) & 0xFFFFFFFFFFFFFFFF
    return rows, None if rejected else total


def _of_log(accounts: Iterable[Account], hop: str, log: str) -> list[LogAccount]:
    return [found for name, found in _logs(accounts) if name == hop and found.log == log]


def _logs(accounts: Iterable[Account]) -> Iterable[tuple[str, LogAccount]]:
    """(hop, log) pairs, the accounts topic itself left out: it counts itself only."""
    for account in accounts:
        for log in account.logs:
            if not log.topic.endswith("accounts"):
                yield account.hop, log


def _closed(accounts: Iterable[Account]) -> list[ClosedLog]:
    totals: dict[tuple[str, str, str], int] = {}
    for hop, log in _logs(accounts):
        if log.closed:
            key = (hop, log.topic, log.log)
            totals[key] = totals.get(key, 0) + log.rows
    return [ClosedLog(*key, rows) for key, rows in totals.items()]


def _by_hop(logs: list[tuple[str, LogAccount]]) -> list[dict[str, int | str]]:
    """A line for each hop and topic: read, moved, rejected, dropped."""
    lines: dict[tuple[str, str], dict[str, int | str]] = {}
    for hop, log in logs:
        line = lines.setdefault(
            (hop, log.topic), {"hop": hop, "topic": log.topic, "read": 0, "moved": 0, "rejected": 0, "dropped": 0}
        )
        line["read"] = int(line["read"]) + log.rows
        for kind, _project, _detail, rows, _sum in log.fates:
            line[kind] = int(line[kind]) + rows
    order = {"accept": 0, "resolve": 1}
    return sorted(lines.values(), key=lambda line: (order.get(str(line["hop"]), 2), str(line["topic"])))


def _miss(report: AuditReport, rows: int, problem: str) -> None:
    report.unaccounted += rows
    report.problems.append(problem)
