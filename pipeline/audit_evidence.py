"""What the audit adds up: the accounts, what lies in the logs beyond them, and what ClickHouse holds."""

import msgspec

from pipeline.accounts import Account, LogAccount

__all__ = ["Evidence", "Waiting", "RawLog", "Landing", "ClosedLog"]


class Waiting(msgspec.Struct, frozen=True):
    """What lies in one partition of a log before a reader, counted in the log itself."""

    topic: str
    log: str
    partition: int
    reader: str
    rows: int = 0
    """Beyond the reader's position, and written by a commit that is in the writers' accounts."""
    sum: int = 0
    """Of the uuids' hashes of these rows."""
    removed: int = 0
    """Offsets beyond the position that retention has removed."""


class RawLog(msgspec.Struct, frozen=True):
    """One partition of events.raw, which others write: there is nothing to compare with but the log."""

    partition: int
    account: LogAccount
    waiting: int = 0
    """Records beyond accept's position."""
    first: int = 0
    """The first offset that retention has left."""
    records: int | None = None
    """Records that are there below accept's position; None when they were not counted."""


class Landing(msgspec.Struct, frozen=True):
    """What ClickHouse holds of one partition of a log, against what deliver says has landed."""

    topic: str
    log: str
    partition: int
    hop: str
    rows: int
    """Rows that deliver counts as landed, below its committed position."""
    found: int
    """Distinct positions of that range in ClickHouse."""
    collapsed: int = 0
    """Positions that are not there because another copy of the same event is."""
    unverifiable: int = 0
    """Positions that are not there and older than the log, so that nobody knows which event they held."""
    absent: list[str] = []
    """Where rows are missing, for people."""


class ClosedLog(msgspec.Struct, frozen=True):
    """A log that is gone: its topic was deleted or created again, or its broker was a former one."""

    topic: str
    log: str
    reader: str
    rows: int
    """Rows that the reader had read of it."""
    written: int | None = None
    """Rows that hops had written to it; None for events.raw, which others write."""
    vanished: int = 0
    """Rows that went with it unread."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One consistent cut of the path, and the destination."""

    accounts: list[Account]
    logs: dict[str, str]
    """Every topic with the log (topic id) it is now."""
    readers: dict[str, list[str]]
    """The hops that read each topic between hops; each reads everything."""
    partitions: int
    """Of every topic between hops."""
    waiting: list[Waiting] = []
    raw: list[RawLog] = []
    landings: list[Landing] = []
    former: list[Account] = []
    """Accounts of former epochs, as ClickHouse has kept them."""
    shows_aborted: bool = False
    """The embedded broker: a crashed worker's events may have travelled twice."""
