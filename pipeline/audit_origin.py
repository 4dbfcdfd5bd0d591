"""Tells who wrote a message between hops, and whether that is in the accounts at hand or came after them.

Every row names the place it was made from. All rows of a message were written in one transaction, and that is in
the accounts when the place lies before its writer's position there.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from pipeline.accounts import Account
from schemas.batches import ACCEPTED, PREPARED, REJECTED

__all__ = ["Origins", "Writer"]

Writer = tuple[str, int]
"""A hop and its partition."""

_COLUMNS = {
    "events.accepted": (ACCEPTED, ["source_log", "source_partition", "source_offset"]),
    "events.prepared": (PREPARED, ["accepted_log", "accepted_partition", "accepted_offset"]),
    "events.rejected": (REJECTED, ["log", "partition", "offset", "stage", "destination"]),
}
_HOPS = {"events.accepted": "accept", "events.prepared": "resolve"}


class Origins:
    """Judges messages by the positions in these accounts."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._positions = {
            (account.hop, account.partition, log.log): log.position for account in accounts for log in account.logs
        }

    def position(self, hop: str, partition: int, log: str) -> int:
        """The next offset the hop reads of this log (topic id in hexadecimal); 0 where it has said nothing."""
        return self._positions.get((hop, partition, log), 0)

    def writer(self, topic: str, value: bytes) -> Writer | None:
        """Who wrote the message; None when that is not in the accounts."""
        kind = next(name for name in _COLUMNS if topic.endswith(name))
        row = _first_row(kind, value)
        hop = _HOPS.get(kind) or ("accept" if row["stage"] == "accept" else f"deliver-{row['destination']}")
        log, partition, offset = (row[name] for name in _COLUMNS[kind][1][:3])
        return (hop, partition) if offset < self.position(hop, partition, log.hex()) else None


def _first_row(kind: str, value: bytes) -> dict[str, Any]:
    """Only the columns that are needed are unpacked."""
    schema, names = _COLUMNS[kind]
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=[schema.names.index(name) for name in names])
    with pa.ipc.open_stream(value, options=options) as stream:
        row: dict[str, Any] = stream.read_next_batch().slice(0, 1).to_pylist()[0]
    return row
