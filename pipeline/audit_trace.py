"""Finds out where rows are missing: counts the whole logs and compares them with every hop's own figures.

Reading everything again takes a while; it is done only when the audit has found a difference.
"""

from collections import defaultdict
from collections.abc import Mapping

from pipeline.accounts import Account, FateRow
from pipeline.audit_evidence import Evidence
from pipeline.audit_logs import AuditLogs
from pipeline.audit_origin import Origins, Writer
from pipeline.outcome import MOVED, REJECTED
from schemas.batches import check_headers

__all__ = ["differences", "trace"]


def trace(logs: AuditLogs, evidence: Evidence) -> list[str]:
    """What is found, in words. Topics that retention has cut are left out: their beginning is unknown."""
    origins = Origins(evidence.accounts)
    said: list[str] = []
    for topic, readers in logs.readers.items():
        first, end = logs.starts(topic), logs.ends(topic)
        if any(first.values()):
            continue
        written: dict[Writer, int] = defaultdict(int)
        read: dict[Writer, int] = defaultdict(int)
        starts = {(topic, partition): offset for partition, offset in first.items()}
        for batch in logs.between(starts, {(topic, partition): offset for partition, offset in end.items()}):
            passed = {hop: origins.position(hop, batch.partition, evidence.logs[topic]) for hop in readers}
            for index, offset in enumerate(batch.offsets):
                rows, _ = check_headers(dict(batch.headers[index] or ()))
                writer = origins.writer(topic, batch.values[index] or b"")
                if writer is not None:
                    written[writer] += rows
                for hop in readers:
                    read[hop, batch.partition] += rows if offset < passed[hop] else 0
        said += differences(evidence, topic, written, read)
    return said


def differences(evidence: Evidence, topic: str, written: Mapping[Writer, int], read: Mapping[Writer, int]) -> list[str]:
    """Hops whose figures are not what the log holds: `written` by its writers, `read` before the readers' positions."""
    said = []
    for account in evidence.accounts:
        who, name = (account.hop, account.partition), f"{account.hop}:{account.partition}"
        claimed = _written_by(evidence, topic, account)
        held = written.get(who, 0)
        if claimed != held:
            said.append(f"{name} says that it wrote {claimed} rows to {topic}; the log holds {held} of them")
        for log in account.logs:
            if log.log == evidence.logs[topic] and account.hop in evidence.readers[topic]:
                place = f"{topic}[{account.partition}] before offset {log.position}"
                if log.rows != read.get(who, 0):
                    said.append(
                        f"{name} says that it read {log.rows} rows of {place}; the log holds {read.get(who, 0)}"
                    )
    return said


def _written_by(evidence: Evidence, topic: str, account: Account) -> int:
    def counts(fate: FateRow) -> bool:
        if topic.endswith("events.rejected"):
            return fate[0] == REJECTED
        return fate[0] == MOVED and fate[2] == evidence.logs[topic]

    return sum(fate[3] for log in account.logs for fate in log.fates if counts(fate))
