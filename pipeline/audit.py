"""Proves that every event is accounted for: what one hop moved, the next has read or still has before it.

The sums run over logs, not over topics: a topic that was created again is another log, and the counts of the one
that is gone are closed and named. Everything here is arithmetic over one consistent cut of the path; how the cut is
taken while everything moves, is told in pipeline/audit_logs.py.
"""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from pipeline.accounts import Account, LogAccount
from pipeline.audit_closed import closed_logs
from pipeline.audit_evidence import ClosedLog, Evidence, Landing, RawLog
from pipeline.audit_facts import Facts
from pipeline.outcome import DROPPED, DUPLICATE, MOVED, REJECTED

__all__ = ["AuditReport", "add_facts", "add_up"]

_MASK = 0xFFFFFFFFFFFFFFFF
_ALL = -1
"""Every partition of accept writes to every partition of events.accepted: there, only the whole can be compared."""


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
    """The embedded broker shows what a crashed worker wrote: these rows travelled twice and count once."""
    expired: int = 0
    """Offsets of events.raw that retention removed before they were read."""
    vanished: int = 0
    """Rows that nobody had read when their log was deleted."""
    unverifiable: int = 0
    """Positions that are not in ClickHouse and older than the log: repeats that collapsed, or lost; nobody can tell."""
    rejected_by_code: dict[str, int] = {}
    hops: list[dict[str, int | str]] = []
    facts: list[Facts] = []
    """What hops told each other, and a destination, of people and visits."""
    facts_pending: int = 0
    """Facts that somebody has yet to read."""
    problems: list[str] = []
    notes: list[str] = []
    closed_logs: list[ClosedLog] = []


class _Count:
    """Rows and the sum of their uuid hashes."""

    def __init__(self) -> None:
        self.rows = 0
        self.sum = 0

    def add(self, rows: int, uuid_sum: int) -> None:
        self.rows += rows
        self.sum = (self.sum + uuid_sum) & _MASK


_Passage = tuple[str, int]
"""A topic between hops and one of its partitions, or all of them."""


def add_up(evidence: Evidence) -> AuditReport:
    """Add everything up. Each difference is counted once, and said."""
    report = AuditReport()
    for hop, log in _logs(evidence.accounts):
        _count(report, hop, log)
    for raw in evidence.raw:
        report.pending += raw.waiting
        _check_raw(report, raw)
    _cross_all(report, evidence)
    for landing in evidence.landings:
        _land(report, landing)
    report.closed_logs = closed_logs(evidence)
    report.vanished += sum(closed.vanished for closed in report.closed_logs)
    report.hops = _by_hop(evidence)
    return report


def add_facts(report: AuditReport, facts: list[Facts], still: bool, shows_aborted: bool) -> None:
    """Add the facts. `still` says that they stood still: only then can what was sent be compared with what is there."""
    report.facts, report.facts_pending = facts, sum(found.waiting for found in facts)
    if not still:
        report.notes.append("facts of people and visits were moving and are not compared; audit --wait lets them come")
        return
    for found in facts:
        if found.missing > 0 or (found.missing < 0 and not shows_aborted):
            said = f"{found.sent} facts were sent to {found.topic}, {found.reader} has read {found.read}"
            _miss(report, abs(found.missing), f"{said} and {found.waiting} lie before it")


def _count(report: AuditReport, hop: str, log: LogAccount) -> None:
    """One log's fates, into the totals."""
    counted, total = _Count(), log.sum if hop != "accept" else 0
    for kind, _project, detail, rows, uuid_sum in log.fates:
        counted.add(rows, uuid_sum if hop != "accept" else 0)
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
    if counted.rows != log.rows:
        said = f"{hop} has read {log.rows} rows of {log.topic} and accounts for {counted.rows} of them"
        _miss(report, abs(log.rows - counted.rows), said)
    elif counted.sum != total:
        _miss(report, 1, f"{hop} has read as many rows of {log.topic} as it accounts for, but not the same ones")


def _check_raw(report: AuditReport, raw: RawLog) -> None:
    """Every offset that accept has passed was a record it counted, or holds none (a transaction's marker)."""
    log, where = raw.account, f"{raw.account.topic}[{raw.partition}] (log {raw.account.log[:8]})"
    report.expired += log.expired
    gaps = log.position - log.start - log.expired - log.rows
    empty = 0 if raw.records is None else log.position - max(raw.first, log.start) - raw.records
    if gaps < 0:
        _miss(report, -gaps, f"accept counts {-gaps} more records of {where} than there were offsets")
    elif gaps == 0 and log.expired:
        _miss(report, log.expired, f"retention removed {log.expired} records of {where} before accept had read them")
    elif gaps and raw.records is None:
        report.notes.append(f"{gaps} offsets of {where} hold no record that was counted; audit --deep counts the log")
    elif gaps < empty or (gaps > empty and raw.first <= log.start):
        said = f"accept counts {log.rows} records of {where} before offset {log.position}; the log holds {raw.records}"
        _miss(report, abs(gaps - empty), said)
    elif gaps > empty:
        report.notes.append(f"{gaps - empty} offsets of {where} are gone and were not counted as records")


def _cross_all(report: AuditReport, evidence: Evidence) -> None:
    """What was written to a log must be read or lie ahead, for every reader of it."""
    written = _written(evidence)
    read: dict[tuple[str, _Passage], _Count] = defaultdict(_Count)
    removed: dict[tuple[str, _Passage], int] = defaultdict(int)
    for account in evidence.accounts:
        for log in account.logs:
            if log.topic in evidence.logs and (_is_live(evidence, log) or log.topic.endswith("events.rejected")):
                read[account.hop, _passage(log.topic, account.partition)].add(log.rows, log.sum)
    for waiting in evidence.waiting:
        key = (waiting.reader, _passage(waiting.topic, waiting.partition))
        read[key].add(waiting.rows, waiting.sum)
        removed[key] += waiting.removed
        report.pending += waiting.rows
    for topic, readers in evidence.readers.items():
        partitions = [_ALL] if topic.endswith("events.accepted") else range(evidence.partitions)
        for reader in readers:
            for partition in partitions:
                passage = (topic, partition)
                found = read[reader, passage]
                _cross(report, evidence, passage, reader, written[passage], found, removed[reader, passage])


def _cross(
    report: AuditReport,
    evidence: Evidence,
    passage: _Passage,
    reader: str,
    written: _Count,
    found: _Count,
    removed: int,
) -> None:
    topic, partition = passage
    log = evidence.logs[topic]
    where = f"{topic}{'' if partition == _ALL else f'[{partition}]'} (log {log[:8]}) before {reader}"
    lost = written.rows - found.rows
    if lost > 0 and _had_another_log(evidence, passage):
        report.vanished += lost
        report.notes.append(f"{lost} rows were in a former log of {where}, which was deleted before they were read")
    elif lost > 0:
        why = f"; retention removed {removed} offsets there" if removed else ""
        _miss(report, lost, f"{written.rows} rows were written to {where}, {found.rows} are read or waiting{why}")
    elif lost < 0 and evidence.shows_aborted:
        report.redelivered -= lost
    elif lost < 0:
        _miss(report, -lost, f"{written.rows} rows were written to {where}, {found.rows} are read or waiting")
    elif written.sum != found.sum and not topic.endswith("events.rejected"):
        _miss(report, 1, f"as many rows as were written passed {where}, but not the same ones")


def _written(evidence: Evidence) -> dict[_Passage, _Count]:
    """What the writers say went to each present log. Rejected records have no uuid, so no sum."""
    written: dict[_Passage, _Count] = defaultdict(_Count)
    topics = {log: topic for topic, log in evidence.logs.items()}
    rejected = next(topic for topic in evidence.logs if topic.endswith("events.rejected"))
    for account in evidence.accounts:
        for log in account.logs:
            for kind, _project, detail, rows, uuid_sum in log.fates:
                if kind == REJECTED:
                    written[rejected, account.partition % evidence.partitions].add(rows, 0)
                elif kind == MOVED and detail in topics:
                    written[_passage(topics[detail], account.partition)].add(rows, uuid_sum)
    return written


def _passage(topic: str, partition: int) -> _Passage:
    return topic, _ALL if topic.endswith("events.accepted") else partition


def _is_live(evidence: Evidence, log: LogAccount) -> bool:
    return evidence.logs.get(log.topic) == log.log


def _had_another_log(evidence: Evidence, passage: _Passage) -> bool:
    """Rejections are counted by hop, not by log: once events.rejected was created again, some are in the former."""
    topic, partition = passage
    if not topic.endswith("events.rejected"):
        return False
    return any(
        log.topic == topic and not _is_live(evidence, log)
        for account in evidence.accounts
        if account.partition == partition
        for log in account.logs
    )


def _land(report: AuditReport, landing: Landing) -> None:
    """What has landed must be in ClickHouse, as itself or as an earlier copy of the same event."""
    report.duplicates += landing.collapsed
    report.unverifiable += landing.unverifiable
    if landing.topic.endswith("events.prepared"):
        report.delivered -= landing.collapsed
    known = landing.found + landing.collapsed + landing.unverifiable
    where = f"{landing.topic}[{landing.partition}] (log {landing.log[:8]})"
    if landing.unverifiable:
        report.notes.append(
            f"{landing.unverifiable} positions of {where} are not in ClickHouse and older than the log: most likely "
            "repeats that collapsed, but it is too late to look them up"
        )
    if known != landing.rows:
        absent = f"; not there: {', '.join(landing.absent)}" if landing.absent else ""
        said = f"{landing.hop} says that {landing.rows} rows of {where} have landed, ClickHouse holds {known}{absent}"
        _miss(report, abs(landing.rows - known), said)


def _logs(accounts: list[Account]) -> Iterator[tuple[str, LogAccount]]:
    """(hop, log) pairs, the accounts topic itself left out: it counts itself only."""
    for account in accounts:
        for log in account.logs:
            if not log.topic.endswith("accounts"):
                yield account.hop, log


def _by_hop(evidence: Evidence) -> list[dict[str, int | str]]:
    """A line for each hop and topic: read, moved, applied, rejected, dropped, and what waits before it."""
    lines: dict[tuple[str, str], dict[str, int | str]] = {}

    def line(hop: str, topic: str) -> dict[str, int | str]:
        blank = {"read": 0, "moved": 0, "applied": 0, "rejected": 0, "dropped": 0, "waiting": 0}
        return lines.setdefault((hop, topic), {"hop": hop, "topic": topic, **blank})

    def add(hop: str, topic: str, name: str, rows: int) -> None:
        found = line(hop, topic)
        found[name] = int(found[name]) + rows

    for hop, log in _logs(evidence.accounts):
        add(hop, log.topic, "read", log.rows)
        for kind, _project, _detail, rows, _sum in log.fates:
            add(hop, log.topic, kind, rows)
    for raw in evidence.raw:
        add("accept", raw.account.topic, "waiting", raw.waiting)
    for waiting in evidence.waiting:
        add(waiting.reader, waiting.topic, "waiting", waiting.rows)
    order = {"accept": 0, "resolve": 1, "identify": 2, "people": 3}
    return sorted(lines.values(), key=lambda found: (order.get(str(found["hop"]), 4), str(found["topic"])))


def _miss(report: AuditReport, rows: int, problem: str) -> None:
    report.unaccounted += rows
    report.problems.append(problem)
