"""Compares what deliver says has landed with the positions that ClickHouse holds.

First by one cheap question a table: as many rows, with the same sum of uuid hashes, are the same rows. Only where
that does not hold, the log is read again, message by message, and each position that is not there is looked up: it
is a repeat that collapsed when another copy of the same event is there, and missing when none is.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa

from pipeline.accounts import Account, LogAccount
from pipeline.audit_evidence import Landing
from pipeline.audit_logs import AuditLogs
from pipeline.audit_tables import EVENTS, REJECTED_EVENTS, Identity, Place, Table, dashed
from pipeline.outcome import MOVED, REJECTED
from schemas.batches import check_headers, from_wire

__all__ = ["landings", "ranges"]

_MASK = 0xFFFFFFFFFFFFFFFF
_ROWS_AT_ONCE = 4_000
"""Rows looked up by one query, whose text may not be longer than 256 KiB."""
_RANGES_SHOWN = 10


class _Claim(msgspec.Struct, frozen=True):
    """What deliver says of one partition of a log."""

    hop: str
    partition: int
    account: LogAccount

    def of(self, kind: str) -> tuple[int, int]:
        """Rows and uuid sum of one fate."""
        fates = [fate for fate in self.account.fates if fate[0] == kind]
        return sum(fate[3] for fate in fates), sum(fate[4] for fate in fates) & _MASK


def landings(logs: AuditLogs, accounts: list[Account], client: Any) -> list[Landing]:
    """A landing for each partition of events.prepared and events.rejected that deliver has read."""
    found = []
    for destination in logs.settings.destinations:
        for topic, table in ((logs.prepared, EVENTS), (logs.rejected, REJECTED_EVENTS)):
            claims = _claims(logs, accounts, f"deliver-{destination.name}", topic)
            held = table.totals(client, logs.logs[topic].hex(), {claim.partition: claim.account for claim in claims})
            for claim in claims:
                rows, uuid_sum = claim.of(MOVED)
                present = held.get(claim.partition, (0, 0))
                if present == (rows, uuid_sum if table.has_uuids else 0):
                    found.append(Landing(topic, claim.account.log, claim.partition, claim.hop, rows, rows))
                else:
                    found.append(_Search(logs, client, table, claim, destination.name).landing())
    return found


def _claims(logs: AuditLogs, accounts: list[Account], hop: str, topic: str) -> list[_Claim]:
    return [
        _Claim(hop, account.partition, log)
        for account in accounts
        if account.hop == hop
        for log in account.logs
        if log.topic == topic and log.log == logs.logs[topic].hex() and log.position
    ]


class _Search:
    """Looks for every position of one partition, message by message."""

    def __init__(self, logs: AuditLogs, client: Any, table: Table, claim: _Claim, destination: str) -> None:
        self._logs = logs
        self._client = client
        self._table = table
        self._claim = claim
        self._destination = destination
        self._log = claim.account.log
        self._found = self._collapsed = 0
        self._absent: list[Place] = []

    def landing(self) -> Landing:
        account, table = self._claim.account, self._table
        held = table.messages(self._client, self._log, self._claim.partition, account.position)
        refused = self._refused()
        first = min(self._logs.starts(account.topic)[self._claim.partition], account.position)
        in_log = 0
        suspects: list[tuple[int, pa.RecordBatch]] = []
        for offset, value, rows, uuid_sum in self._messages(first):
            in_log += rows
            if held.get(offset) == (rows, uuid_sum if table.has_uuids else 0):
                self._found += rows
                continue
            suspects.append((offset, from_wire(value, table.schema).select(table.columns)))
            if sum(batch.num_rows for _, batch in suspects) >= _ROWS_AT_ONCE:
                self._look_up(suspects, refused)
                suspects = []
        self._look_up(suspects, refused)
        return self._judged(first, in_log, held, refused)

    def _judged(
        self, first: int, in_log: int, held: Mapping[int, tuple[int, int]], refused: frozenset[Place]
    ) -> Landing:
        moved, _ = self._claim.of(MOVED)
        rejected, _ = self._claim.of(REJECTED)
        older = sum(rows for offset, (rows, _) in held.items() if offset < first)
        refused_older = sum(offset < first for offset, _ in refused)
        unverifiable = max(0, moved + rejected - in_log - older - refused_older)
        found = self._found + older
        return Landing(
            topic=self._claim.account.topic,
            log=self._log,
            partition=self._claim.partition,
            hop=self._claim.hop,
            rows=moved,
            found=found,
            # A row that was refused a moment ago is in no table yet, and may be a repeat: it has not landed.
            collapsed=max(0, min(self._collapsed, moved - found - unverifiable)),
            unverifiable=unverifiable,
            absent=ranges(self._absent),
        )

    def _messages(self, first: int) -> Iterator[tuple[int, bytes, int, int]]:
        """Offset, value, rows and uuid sum of every message between the log's first offset and the position."""
        account = self._claim.account
        place = (account.topic, self._claim.partition)
        for batch in self._logs.between({place: first}, {place: account.position}):
            for index, offset in enumerate(batch.offsets):
                if offset < account.position:
                    yield offset, batch.values[index] or b"", *check_headers(dict(batch.headers[index] or ()))

    def _look_up(self, suspects: list[tuple[int, pa.RecordBatch]], refused: frozenset[Place]) -> None:
        """Row by row: there, refused, there as another copy, or absent. Many rows of one message go in pieces."""
        if not suspects:
            return
        offsets = [offset for offset, _ in suspects]
        there = self._table.places(self._client, self._log, self._claim.partition, offsets)
        missing: list[tuple[Place, Identity]] = []
        for offset, batch in suspects:
            for row, content in enumerate(batch.to_pylist()):
                place = (offset, row)
                if there.get(place) == self._table.uuid_of(content):
                    self._found += 1
                elif place not in refused:
                    missing.append((place, self._table.identity(content)))
        for start in range(0, len(missing), _ROWS_AT_ONCE):
            part = missing[start : start + _ROWS_AT_ONCE]
            known = self._table.known(self._client, [identity for _, identity in part])
            absent = [place for place, identity in part if identity not in known]
            self._absent += absent
            self._collapsed += len(part) - len(absent)

    def _refused(self) -> frozenset[Place]:
        """The places that ClickHouse refused, as far as they have come into rejected_events."""
        if self._table is not EVENTS or not self._claim.of(REJECTED)[0]:
            return frozenset()
        query = (
            f"SELECT DISTINCT offset, row FROM rejected_events WHERE log = '{dashed(self._log)}' "
            f"AND partition = {self._claim.partition} AND destination = {{destination:String}}"
        )
        rows = self._client.query(query, parameters={"destination": self._destination}).result_rows
        return frozenset((int(offset), int(row)) for offset, row in rows)


def ranges(places: list[Place]) -> list[str]:
    """Places for people: neighboring rows joined, not more than anybody reads."""
    said = []
    for offset, group in groupby(sorted(places), key=lambda place: place[0]):
        rows = [row for _, row in group]
        for _, run in groupby(enumerate(rows), key=lambda pair: pair[1] - pair[0]):
            members = [row for _, row in run]
            last = f" to {members[-1]}" if len(members) > 1 else ""
            said.append(f"offset {offset} row {members[0]}{last}")
    if len(said) > _RANGES_SHOWN:
        return [*said[:_RANGES_SHOWN], f"and {len(said) - _RANGES_SHOWN} more places"]
    return said
