"""The counters of one hop and partition: cumulative, published with every commit, and what the audit adds up.

Every row read is counted under exactly one fate, with the sum of the uuids' hashes beside the number, so that
equal sums say that the same events passed two points, not only as many.
"""

import msgspec

__all__ = ["Account", "LogAccount", "LogCounters", "decode_account", "encode_account"]

_MASK = 0xFFFFFFFFFFFFFFFF
FateRow = tuple[str, int, str, int, int]
"""Kind, project, detail (log moved to, rejection code, rule), rows, uuid sum."""


class LogAccount(msgspec.Struct, frozen=True):
    """What happened to one log: a topic under one topic id."""

    topic: str
    log: str
    """The topic id as 32 hexadecimal digits."""
    position: int
    """The next offset to read: everything before it is in the counts."""
    closed: bool = False
    """The topic was deleted or created again; these counts are final."""
    rows: int = 0
    sum: int = 0
    expired: int = 0
    """Offsets that retention removed before they were read."""
    fates: list[FateRow] = []
    start: int = 0
    """The log's first offset when the hop met it; what was removed before that was never its concern."""
    repaired: int = 0
    """Lone surrogates that were replaced by U+FFFD in rows that moved on."""
    late: int = 0
    """Events that came too late for a session; they moved on without one."""
    sent: list[tuple[str, int]] = []
    """Facts that followed beside the rows: the log they went to, and how many."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the topic `accounts`; its key is `<hop>:<partition>`."""

    v: int = 1
    hop: str
    partition: int
    config: str = ""
    epoch: int = 0
    logs: list[LogAccount] = []


class LogCounters:
    """The counters of one log while it is being read; frozen into a LogAccount at each commit."""

    def __init__(self, topic: str, log: str) -> None:
        self.topic = topic
        self.log = log
        self.position = 0
        self.closed = False
        self.rows = 0
        self.sum = 0
        self.expired = 0
        self.start = 0
        self.repaired = 0
        self.late = 0
        self._fates: dict[tuple[str, int, str], list[int]] = {}
        self._sent: dict[str, int] = {}

    @classmethod
    def thaw(cls, account: LogAccount) -> "LogCounters":
        """Counters that go on from what was committed."""
        counters = cls(account.topic, account.log)
        counters.position, counters.closed = account.position, account.closed
        counters.rows, counters.sum, counters.expired = account.rows, account.sum, account.expired
        counters.start, counters.repaired, counters.late = account.start, account.repaired, account.late
        counters._sent = dict(account.sent)
        counters._fates = {(kind, project, detail): [n, total] for kind, project, detail, n, total in account.fates}
        return counters

    def fates(self) -> dict[tuple[str, int, str], list[int]]:
        """(kind, project, detail) to [rows, uuid sum], as they stand."""
        return dict(self._fates)

    def add_read(self, rows: int, uuid_sum: int) -> None:
        """Rows taken from the log; the fates must follow."""
        self.rows += rows
        self.sum = (self.sum + uuid_sum) & _MASK

    def count(self, kind: str, project: int, detail: str, rows: int, uuid_sum: int = 0) -> None:
        """Rows that ended in one way."""
        fate = self._fates.setdefault((kind, project, detail), [0, 0])
        fate[0] += rows
        fate[1] = (fate[1] + uuid_sum) & _MASK

    def send(self, log: str, rows: int) -> None:
        """Facts that followed from what was read, and the log (topic id in hexadecimal) that they go to."""
        self._sent[log] = self._sent.get(log, 0) + rows

    def start_at(self, low: int) -> None:
        """Begin no earlier than the log does; what retention took before it was read is noted."""
        if low > self.position:
            if self.position > 0 or self.rows:
                self.expired += low - self.position
            else:
                self.start = low
            self.position = low

    def freeze(self) -> LogAccount:
        """The counters as they stand, checked: every row read has exactly one fate."""
        fates = [(kind, project, detail, n, total) for (kind, project, detail), (n, total) in self._fates.items()]
        counted = sum(fate[3] for fate in fates)
        assert counted == self.rows, f"{self.topic}: {self.rows} rows read, {counted} accounted for"
        return LogAccount(
            topic=self.topic,
            log=self.log,
            position=self.position,
            closed=self.closed,
            rows=self.rows,
            sum=self.sum,
            expired=self.expired,
            fates=fates,
            start=self.start,
            repaired=self.repaired,
            late=self.late,
            sent=list(self._sent.items()),
        )


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Account).decode


def encode_account(account: Account) -> bytes:
    """The record's JSON."""
    return _encode(account)


def decode_account(value: bytes) -> Account:
    """The record back. Raises msgspec.DecodeError for anything else."""
    return _decode(value)
