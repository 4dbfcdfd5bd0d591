"""Runs the audit: gathers what it adds up from Kafka and ClickHouse, and looks again before it raises an alarm."""

import time
from typing import Any

from destinations.clickhouse.connect import new_client
from pipeline.accounts import Account, decode_account
from pipeline.audit import AuditReport, add_facts, add_up
from pipeline.audit_cut import Cut
from pipeline.audit_evidence import Evidence, RawLog
from pipeline.audit_landing import landings
from pipeline.audit_logs import AuditLogs
from pipeline.audit_trace import trace
from pipeline.consumer import LogChanged
from pipeline.settings import Settings
from schemas.outcomes import Retry

__all__ = ["run_audit"]

LOOK_AGAIN_S = 0.3
ALARM_AFTER_LOOKS = 3
"""What is lost stays lost. What a later look does not find again was a replica behind, or a log cut under our eyes."""
RECOUNTED_MAX = 2_000_000
"""Offsets of events.raw that are counted again without being asked: about three seconds."""


def run_audit(settings: Settings, wait_s: float = 0.0, deep: bool = False) -> AuditReport:
    """Audit everything; with `wait_s`, wait so long for pending rows to go through first.

    `deep` counts events.raw again wherever its offsets are not all records, however many there are. Raises Retry
    when a service does not answer.
    """
    deadline = time.monotonic() + wait_s
    for look in range(1, ALARM_AFTER_LOOKS):
        try:
            report = _Audit(settings, deep).report(deadline)
        except LogChanged:
            continue
        if not report.unaccounted:
            return report
        time.sleep(look)
    try:
        return _Audit(settings, deep).report(deadline, and_where=True)
    except LogChanged as problem:
        raise Retry(f"the logs change while they are audited: {problem}; ask again") from problem


class _Audit:
    """One look."""

    def __init__(self, settings: Settings, deep: bool) -> None:
        self._settings = settings
        self._deep = deep
        self._logs = AuditLogs(settings)
        self._client = new_client(settings.clickhouse)

    def report(self, deadline: float, and_where: bool = False) -> AuditReport:
        """What this look shows, once nothing is pending or the time is over; with the traces of what is missing."""
        try:
            kept, former = self._kept_by_clickhouse()
            cut = self._logs.cut(kept)
            while time.monotonic() < deadline and _pending(cut):
                time.sleep(LOOK_AGAIN_S)
                cut = self._logs.cut(kept)
            evidence = self._evidence(cut, former)
            report = add_up(evidence)
            if report.unaccounted and and_where:
                report.problems += trace(self._logs, evidence)
            facts, still = self._logs.facts()
            while time.monotonic() < deadline and not (still and not any(found.waiting for found in facts)):
                time.sleep(LOOK_AGAIN_S)
                facts, still = self._logs.facts()
            add_facts(report, facts, still, evidence.shows_aborted)
            return report
        finally:
            self._logs.close()
            self._client.close()

    def _evidence(self, cut: Cut, former: list[Account]) -> Evidence:
        logs = self._logs
        return Evidence(
            accounts=cut.accounts,
            logs={topic: log.hex() for topic, log in logs.logs.items()},
            readers=logs.readers,
            partitions=self._settings.topics.partitions,
            waiting=cut.waiting,
            raw=[self._counted(raw) for raw in cut.raw],
            landings=landings(logs, cut.accounts, self._client),
            former=former,
            shows_aborted=self._settings.broker.embedded,
        )

    def _counted(self, raw: RawLog) -> RawLog:
        """Where accept has passed more offsets than it counts records, count what is there."""
        account = raw.account
        first = max(raw.first, account.start)
        whole = account.position - account.start - account.expired == account.rows
        if whole or (account.position - first > RECOUNTED_MAX and not self._deep):
            return raw
        place = (account.topic, raw.partition)
        batches = self._logs.between({place: first}, {place: account.position})
        records = sum(offset < account.position for batch in batches for offset in batch.offsets)
        return RawLog(raw.partition, account, raw.waiting, raw.first, records)

    def _kept_by_clickhouse(self) -> tuple[dict[str, Account], list[Account]]:
        """Accounts of this epoch, should the topic have lost them, and those of former epochs.

        A broker that is gone took its topics along; what has come into ClickHouse of its accounts, remains.
        """
        query = "SELECT value FROM accounts FINAL WHERE epoch <= {epoch:Int64}"
        rows: list[Any] = self._client.query(query, parameters={"epoch": self._settings.log_epoch}).result_rows
        found = [decode_account(value.encode() if isinstance(value, str) else value) for (value,) in rows]
        present = {
            f"{account.hop}:{account.partition}": account for account in found if self._is_of_this_epoch(account)
        }
        return present, [account for account in found if not self._is_of_this_epoch(account)]

    def _is_of_this_epoch(self, account: Account) -> bool:
        return account.epoch == self._settings.log_epoch


def _pending(cut: Cut) -> bool:
    return any(raw.waiting for raw in cut.raw) or any(waiting.rows for waiting in cut.waiting)
