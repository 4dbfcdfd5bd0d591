"""Names the logs that are gone, with what went through them and what went with them."""

from collections import defaultdict
from collections.abc import Iterable

from pipeline.accounts import Account
from pipeline.audit_evidence import ClosedLog, Evidence
from pipeline.outcome import MOVED

__all__ = ["closed_logs"]

_NEXT = {"events.raw": "events.accepted", "events.accepted": "events.prepared"}
"""What a hop writes, by what it reads."""


def closed_logs(evidence: Evidence) -> list[ClosedLog]:
    """Every log in the accounts that is not its topic's present one, for each of its readers.

    What went with a log unread is known where writers and readers still keep accounts. Of a former broker there is
    only what had reached ClickHouse in time, one hop's more than another's: no differences are drawn from that.
    """
    live = set(evidence.logs.values())
    read, written = _read(evidence.accounts), _written(evidence.accounts)
    for topic, log in written:
        for reader in evidence.readers.get(topic, []):
            read.setdefault((topic, log, reader), 0)
    found = []
    for (topic, log, reader), rows in read.items():
        if log not in live:
            count = written.get((topic, log))
            found.append(ClosedLog(topic, log, reader, rows, count, max(0, (count or 0) - rows)))
    known = live | {log for _, log, _ in read}
    former = _read(evidence.former).items()
    return found + [ClosedLog(topic, log, reader, rows) for (topic, log, reader), rows in former if log not in known]


def _read(accounts: Iterable[Account]) -> dict[tuple[str, str, str], int]:
    totals: dict[tuple[str, str, str], int] = defaultdict(int)
    for account in accounts:
        for log in account.logs:
            if not log.topic.endswith("accounts"):
                totals[log.topic, log.log, account.hop] += log.rows
    return dict(totals)


def _written(accounts: Iterable[Account]) -> dict[tuple[str, str], int]:
    """By the log that the writers name; rejected records name none."""
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for account in accounts:
        for log in account.logs:
            output = _output(log.topic)
            for kind, _project, detail, rows, _sum in log.fates:
                if output and kind == MOVED:
                    totals[output, detail] += rows
    return dict(totals)


def _output(topic: str) -> str | None:
    for source, output in _NEXT.items():
        if topic.endswith(source):
            return topic.removesuffix(source) + output
    return None
