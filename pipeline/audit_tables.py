"""How the audit asks the two tables for positions: which are there, and whether another copy of a row is.

What makes two rows one is the table's sorting key (destinations/clickhouse/migrations).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from pipeline.accounts import LogAccount
from schemas.batches import PREPARED, REJECTED

__all__ = ["EVENTS", "REJECTED_EVENTS", "Identity", "Place", "Table", "dashed"]

Place = tuple[int, int]
"""Offset and row."""
Identity = tuple[Any, ...]
"""What two rows have in common when ClickHouse takes them for one."""

_UUID_HASH = "reinterpretAsUInt64(reverse(substring(UUIDToNum(uuid), 9, 8)))"
"""The number that schemas.batches.hash_of adds up."""
_DAY_US = 86_400_000_000
_LAST_DAY = 65_535
"""Of ClickHouse's type Date, 2149-06-06; what comes later is stored under it."""


class Table(msgspec.Struct, frozen=True):
    """One table, and the columns of its topic that tell whether two rows are one."""

    name: str
    schema: pa.Schema
    columns: list[str]
    has_uuids: bool
    identity: Callable[[dict[str, Any]], Identity]
    """The identity of a row of the log."""
    identities: str
    """The same as a query of the table, which lacks its last condition: one of the values of `found_by`."""
    found_by: Callable[[Identity], str]

    def totals(self, client: Any, log: str, claims: Mapping[int, LogAccount]) -> dict[int, tuple[int, int]]:
        """Rows and uuid sum below each partition's position. A row that is there twice counts twice, with uuids."""
        if not claims:
            return {}
        positions = [claims[part].position if part in claims else 0 for part in range(max(claims) + 1)]
        counted = f"count(), sum({_UUID_HASH})" if self.has_uuids else "uniqExact(_offset, _row), 0"
        query = (
            f"SELECT _partition, {counted} FROM {self.name} WHERE _log = '{dashed(log)}' "
            f"AND _partition <= {max(claims)} AND _offset < {positions}[_partition + 1] GROUP BY _partition"
        )
        return {int(part): (int(rows), int(total)) for part, rows, total in client.query(query).result_rows}

    def messages(self, client: Any, log: str, partition: int, position: int) -> dict[int, tuple[int, int]]:
        """Distinct rows and their uuid sum by offset."""
        uuid_hash = _UUID_HASH if self.has_uuids else "toUInt64(0)"
        query = (
            f"SELECT _offset, count(), sum(hash) FROM (SELECT DISTINCT _offset, _row, {uuid_hash} AS hash "
            f"FROM {self.name} WHERE {_within(log, partition)} AND _offset < {position}) GROUP BY _offset"
        )
        return {int(offset): (int(rows), int(total)) for offset, rows, total in client.query(query).result_rows}

    def places(self, client: Any, log: str, partition: int, offsets: Sequence[int]) -> dict[Place, str]:
        """The places of some messages that are there, with the uuid of each."""
        uuid = "toString(uuid)" if self.has_uuids else "''"
        chosen = ", ".join(map(str, offsets))
        query = (
            f"SELECT DISTINCT _offset, _row, {uuid} FROM {self.name} "
            f"WHERE {_within(log, partition)} AND _offset IN ({chosen})"
        )
        return {(int(offset), int(row)): str(text) for offset, row, text in client.query(query).result_rows}

    def known(self, client: Any, identities: Sequence[Identity]) -> set[Identity]:
        """Those of the identities that the table holds, wherever they stand."""
        values = ", ".join(sorted({self.found_by(identity) for identity in identities}))
        return {tuple(row) for row in client.query(f"{self.identities} ({values})").result_rows}

    def uuid_of(self, content: dict[str, Any]) -> str:
        """The uuid of a row of the log as `places` gives it."""
        return dashed(content["uuid"].hex()) if self.has_uuids else ""


def _event(content: dict[str, Any]) -> Identity:
    day = min(int(content["timestamp"].timestamp()) // 86_400, _LAST_DAY)
    uuid = dashed(content["uuid"].hex())
    return content["project"], uuid, content["event"], content["distinct_id"], day


def _rejection(content: dict[str, Any]) -> Identity:
    names = ("project", "code", "stage", "destination", "topic")
    place = (dashed(content["log"].hex()), content["partition"], content["offset"], content["row"])
    return (*(content[name] for name in names), *place)


EVENTS = Table(
    name="events",
    schema=PREPARED,
    columns=["project", "uuid", "event", "distinct_id", "timestamp"],
    has_uuids=True,
    identity=_event,
    identities=(
        "SELECT DISTINCT project, toString(uuid), event, distinct_id, "
        f"least(intDiv(toUnixTimestamp64Micro(timestamp), {_DAY_US}), {_LAST_DAY}) FROM events WHERE uuid IN"
    ),
    found_by=lambda identity: f"'{identity[1]}'",
)

REJECTED_EVENTS = Table(
    name="rejected_events",
    schema=REJECTED,
    columns=["project", "code", "stage", "destination", "topic", "log", "partition", "offset", "row"],
    has_uuids=False,
    identity=_rejection,
    identities=(
        "SELECT DISTINCT project, code, stage, destination, topic, toString(log), partition, offset, row "
        "FROM rejected_events WHERE offset IN"
    ),
    found_by=lambda identity: str(identity[7]),
)


def dashed(digits: str) -> str:
    """32 hexadecimal digits as ClickHouse writes a UUID."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _within(log: str, partition: int) -> str:
    return f"_log = '{dashed(log)}' AND _partition = {partition}"
