"""Fetches what the audit adds up: accounts, what lies in the logs beyond them, and what ClickHouse holds."""

import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from destinations.clickhouse.connect import new_client
from pipeline.accounts import Account, LogAccount, decode_account
from pipeline.audit import AuditReport, ClosedLog, Evidence, Landing, Passage, add_up
from pipeline.consumer import Place, read_to_end
from pipeline.observer import Observer
from pipeline.outcome import MOVED
from pipeline.settings import Settings
from schemas.batches import PREPARED, from_wire

__all__ = ["run_audit"]

UUIDS_PER_QUERY = 10_000


def run_audit(settings: Settings, wait_s: float = 0.0) -> AuditReport:
    """Audit everything; with `wait_s`, wait so long for pending rows to go through first."""
    observer = Observer(settings)
    deadline = time.monotonic() + wait_s
    try:
        while True:
            report = add_up(_evidence(observer))
            if (not report.pending and not report.unaccounted) or time.monotonic() >= deadline:
                return report
            time.sleep(0.3)
    finally:
        observer.close()


def _evidence(observer: Observer) -> Evidence:
    settings = observer.settings
    named = settings.topics.named
    before = list(observer.refresh().values())
    ahead = observer.ahead()
    after = list(observer.refresh().values())
    delivers = [hop for hop in observer.hops() if hop.startswith("deliver-")]

    def passage(topic: str, writers: list[str], readers: list[str]) -> Passage:
        beyond = {hop: (ahead[(hop, topic)].rows, ahead[(hop, topic)].sum) for hop in readers}
        return Passage(topic, observer.logs[topic].hex(), writers, readers, beyond)

    raw, rejected = named("events.raw"), named("events.rejected")
    return Evidence(
        before=before,
        after=after,
        passages=[
            passage(named("events.accepted"), ["accept"], ["resolve"]),
            passage(named("events.prepared"), ["resolve"], delivers),
            passage(rejected, ["accept", *delivers], delivers),
        ],
        raw_topic=raw,
        raw_log=observer.logs[raw].hex(),
        raw_pending=ahead[("accept", raw)].rows,
        landings=_landings(observer, before),
        closed=_former(settings, before),
        shows_aborted=settings.broker.embedded,
    )


def _landings(observer: Observer, accounts: list[Account]) -> list[Landing]:
    settings = observer.settings
    tables = {
        settings.topics.named("events.prepared"): "events",
        settings.topics.named("events.rejected"): "rejected_events",
    }
    client = new_client(settings.clickhouse)
    try:
        found = []
        for account in accounts:
            if account.hop.startswith("deliver-"):
                for log in account.logs:
                    live = log.topic in tables and log.log == observer.logs[log.topic].hex()
                    if live and log.position:
                        found.append(_landing(observer, client, account, log, tables[log.topic]))
        return found
    finally:
        client.close()


def _landing(observer: Observer, client: Any, account: Account, log: LogAccount, table: str) -> Landing:
    """Count the distinct positions; look closer only when some are missing."""
    rows = sum(fate[3] for fate in log.fates if fate[0] == MOVED)
    where = f"_log = toUUID('{_dashed(log.log)}') AND _partition = {account.partition} AND _offset < {log.position}"
    [[present]] = client.query(f"SELECT uniqExact(_offset, _row) FROM {table} WHERE {where}").result_rows
    collapsed = 0
    if present < rows and table == "events":
        place = (log.topic, account.partition)
        held = {
            (int(o), int(r)) for o, r in client.query(f"SELECT _offset, _row FROM events WHERE {where}").result_rows
        }
        collapsed = _collapsed(observer, client, place, log.position, held)
    return Landing(log.topic, account.hop, rows, int(present), collapsed)


def _collapsed(observer: Observer, client: Any, place: Place, position: int, held: set[tuple[int, int]]) -> int:
    """How many missing positions hold an event that is there under another position: an earlier copy won."""
    found = 0
    for uuids in _missing_uuids(observer, place, position, held):
        query = "SELECT uniqExact(project, uuid) FROM events WHERE (project, uuid) IN {pairs:Array(Tuple(Int64, UUID))}"
        present = client.query(query, parameters={"pairs": sorted(set(uuids))}).result_rows[0][0]
        # Several missing positions may hold the same event; each of them is explained by the one that is there.
        found += len(uuids) if present == len(set(uuids)) else int(present)
    return found


def _missing_uuids(
    observer: Observer, place: Place, position: int, held: set[tuple[int, int]]
) -> Iterator[list[tuple[int, str]]]:
    uuids: list[tuple[int, str]] = []
    for batch, _ in read_to_end(observer.settings, {place: 0}, observer.logs):
        for offset, value in zip(batch.offsets, batch.values, strict=True):
            if offset >= position:
                break
            rows: pa.RecordBatch = from_wire(value or b"", PREPARED)
            missing = [row for row in range(rows.num_rows) if (offset, row) not in held]
            if missing:
                chosen = rows.select(["project", "uuid"]).take(pa.array(missing)).to_pylist()
                uuids += [(int(row["project"]), _dashed(row["uuid"].hex())) for row in chosen]
            if len(uuids) >= UUIDS_PER_QUERY:
                yield uuids
                uuids = []
    if uuids:
        yield uuids


def _former(settings: Settings, present: list[Account]) -> list[ClosedLog]:
    """Logs of former epochs, from the accounts that ClickHouse keeps: a broker that is gone took its topics along."""
    known = {log.log for account in present for log in account.logs}
    client = new_client(settings.clickhouse)
    try:
        query = "SELECT value FROM accounts FINAL WHERE epoch < {epoch:Int64}"
        values = client.query(query, parameters={"epoch": settings.log_epoch}).result_rows
    finally:
        client.close()
    totals: dict[tuple[str, str, str], int] = {}
    for (value,) in values:
        account = decode_account(value.encode() if isinstance(value, str) else value)
        for log in account.logs:
            if log.log not in known and not log.topic.endswith("accounts"):
                key = (account.hop, log.topic, log.log)
                totals[key] = totals.get(key, 0) + log.rows
    return [ClosedLog(*key, rows) for key, rows in totals.items()]


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
