"""Owning one partition of a hop: fenced, recovered, and written to in transactions.

Everything that follows from a range of the source goes into one transaction: output batches, changed state
keys, the accounts and the commit record, which says where the range ends. After a crash the next owner finds
all of it or nothing, and reads on from the commit record, whatever the configuration is by then.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pipeline.accounts import Account, LogCounters, encode_account
from pipeline.catch_up import catch_up
from pipeline.changelog import BEGIN_KEY, COMMIT_KEY, ROUNDS_KEY, Rounds, bundle_key, bundles
from pipeline.consumer import Place, log_end
from pipeline.producer import Outgoing, Transactor
from pipeline.settings import Settings
from pipeline.stores import MemoryStore, PartitionStore, RocksStore, over
from pipeline.topics import KEEPING_STATE

__all__ = ["CommitRecord", "Logs", "OpenBlock", "Owned"]

Logs = Mapping[str, bytes]
"""Topic names with the ids (KIP-516) they have now."""


class OpenBlock(msgspec.Struct, frozen=True):
    """A range that may be half-way into a destination; offsets are inclusive."""

    topic: str
    log: str
    first: int
    last: int


class CommitRecord(msgspec.Struct, frozen=True):
    """The last record of every transaction: positions and counters, and what deliver has under way."""

    account: Account
    open: list[OpenBlock] = []


class Owned:
    """One partition of one hop in this process. Opening and committing block: call them in a thread."""

    def __init__(self, settings: Settings, hop: str, partition: int, sources: Sequence[str], logs: Logs) -> None:
        self.settings = settings
        self.hop = hop
        self.partition = partition
        self.logs = logs
        self.state_topic = f"{settings.app}-{hop}-state"
        self.open_blocks: list[OpenBlock] = []
        self.counters: dict[str, LogCounters] = {}
        self._closed: list[LogCounters] = []
        self._sources = sources
        self._transactor = Transactor(settings, hop, partition)
        self._store = _store(settings, hop, partition, logs[self.state_topic])
        self.overlay = over(self._store)
        self._is_cut = hop in KEEPING_STATE and not settings.broker.embedded
        self._rounds = Rounds(self.overlay.get, self._store.keys, settings.store.rewrite_after_bytes)

    def open(self) -> None:
        """Fence the previous owner, read the state to its end, and find the positions. Raises Fenced."""
        self._transactor.open()
        size = catch_up(self.settings, self._store, (self.state_topic, self.partition), self.logs)
        self._rounds.start(self._store.position(), size, self._store.get(ROUNDS_KEY))
        self._read_commit_record()

    def positions(self) -> dict[Place, int]:
        """Where to read each source from; a log cut below the position is noted as expired."""
        found = {}
        for topic, counters in self.counters.items():
            low, _ = log_end(self.settings, topic, self.partition)
            counters.start_at(low)
            found[(topic, self.partition)] = counters.position
        return found

    def freeze(self) -> dict[bytes, bytes | None]:
        """The state that the next transaction writes: what has changed since the last, and what is due to be rewritten.

        The embedded broker cannot let go of a log's beginning, other hops' logs are compacted: there, nothing is due.
        """
        changes = self.overlay.freeze()
        return self._rounds.share(changes) if self._is_cut else changes

    def settle(self, end: int) -> int | None:
        """The frozen state is committed. The offset before which nothing in the changelog is needed, if that is new."""
        before = self._rounds.committed(end)
        if self._is_cut and isinstance(self._store, RocksStore):
            self.overlay.also(ROUNDS_KEY, self._rounds.note())
        self.overlay.committed(end)
        return before

    def commit(
        self,
        outgoing: Sequence[Outgoing],
        changes: Mapping[bytes, bytes | None],
        record: CommitRecord,
        publish: bool,
    ) -> int:
        """One transaction with all of it; the position of the changelog after it. Raises Fenced, CommitFailed."""
        account = encode_account(record.account)
        messages = list(outgoing)
        if publish:
            key = f"{self.hop}:{self.partition}".encode()
            messages.append(Outgoing(self.settings.topics.named("accounts"), self.partition, account, key))
        bundled = [
            Outgoing(self.state_topic, self.partition, bundle, bundle_key(self._rounds.position, number))
            for number, bundle in enumerate(bundles(changes))
        ]
        if self.settings.broker.embedded:
            # That broker shows aborted records: what stands before this mark without a commit record is void.
            messages.append(Outgoing(self.state_topic, self.partition, b"", BEGIN_KEY))
        content = msgspec.json.encode(record)
        commit = Outgoing(self.state_topic, self.partition, content, COMMIT_KEY)
        self._rounds.wrote(len(content))
        end = self._transactor.commit([*messages, *bundled], commit)
        # A store on disk goes on from behind this commit: it must hold the commit record that stood before it.
        self.overlay.also(COMMIT_KEY, content)
        return end

    def record(self) -> CommitRecord:
        """Positions and counters as they stand now."""
        logs = [counters.freeze() for counters in (*self._closed, *self.counters.values())]
        account = Account(
            hop=self.hop,
            partition=self.partition,
            config=self.settings.fingerprint(),
            epoch=self.settings.log_epoch,
            logs=logs,
        )
        return CommitRecord(account, list(self.open_blocks))

    def close(self) -> None:
        """Give the partition up: nothing uncommitted is written any more."""
        self._transactor.close()
        self._rounds.close()
        self._store.close()

    @property
    def store(self) -> PartitionStore:
        return self._store

    def _read_commit_record(self) -> None:
        """Counters of logs that still exist go on; those of a log that is gone are closed and kept."""
        found = self._store.get(COMMIT_KEY)
        if found is not None:
            record = msgspec.json.decode(found, type=CommitRecord)
            for log in record.account.logs:
                counters = LogCounters.thaw(log)
                if not log.closed and self.logs.get(log.topic, b"").hex() == log.log:
                    self.counters[log.topic] = counters
                else:
                    counters.closed = True
                    self._closed.append(counters)
            live = {counters.log for counters in self.counters.values()}
            self.open_blocks = [block for block in record.open if block.log in live]
        for topic in self._sources:
            if topic not in self.counters:
                self.counters[topic] = LogCounters(topic=topic, log=self.logs[topic].hex())


def _store(settings: Settings, hop: str, partition: int, log: bytes) -> PartitionStore:
    if settings.store.kind == "rocksdb":
        return RocksStore(Path(settings.store.path) / hop / str(partition), log)
    return MemoryStore()
