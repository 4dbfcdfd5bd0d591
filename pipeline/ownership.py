"""Owning one partition of a hop: fenced, recovered, and written to in transactions.

Everything that follows from a range of the source goes into one transaction: output batches, changed state
keys, the accounts and the commit record, which says where the range ends. After a crash the next owner finds
all of it or nothing, and reads on from the commit record, whatever the configuration is by then.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from pipeline.accounts import Account, LogCounters, encode_account
from pipeline.consumer import Place, log_end, read_to_end
from pipeline.producer import Outgoing, Transactor
from pipeline.settings import Settings
from pipeline.stores import MemoryStore, PartitionStore, RocksStore, over
from schemas.record import RawBatch

__all__ = ["COMMIT_KEY", "CommitRecord", "Logs", "OpenBlock", "Owned", "bundles", "restore"]

COMMIT_KEY = b"\x00commit"
BEGIN_KEY = b"\x00begin"
BUNDLE_KEY = b"\x00bundle"
_BUNDLE_BYTES = 512 * 1024

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

    def open(self) -> None:
        """Fence the previous owner, read the state to its end, and find the positions. Raises Fenced."""
        self._transactor.open()
        start = {(self.state_topic, self.partition): self._store.position()}
        batches = read_to_end(self.settings, start, self.logs)
        restore(self._store, batches, isolated=not self.settings.broker.embedded)
        self._read_commit_record()

    def positions(self) -> dict[Place, int]:
        """Where to read each source from; a log cut below the position is noted as expired."""
        found = {}
        for topic, counters in self.counters.items():
            low, _ = log_end(self.settings, topic, self.partition)
            counters.start_at(low)
            found[(topic, self.partition)] = counters.position
        return found

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
        state: list[dict[str, bytes | None]]
        if self.settings.broker.embedded:
            # That broker shows aborted records: what stands before this mark without a commit record is void. It takes
            # one record a request, and compacts nothing: so many keys go into one record.
            state = [{"key": BEGIN_KEY, "value": b""}]
            state += [{"key": BUNDLE_KEY, "value": bundle} for bundle in bundles(changes)]
        else:
            state = [{"key": key, "value": value} for key, value in changes.items()]
        content = msgspec.json.encode(record)
        commit = Outgoing(self.state_topic, self.partition, content, COMMIT_KEY)
        end = self._transactor.commit(messages, self.state_topic, state, commit)
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


def restore(store: PartitionStore, batches: "Iterable[tuple[RawBatch, int]]", *, isolated: bool) -> None:
    """Apply a changelog in whole batches.

    Where the broker isolates transactions (every Kafka), what is read is committed. Where it does not, the keys
    of a transaction are applied only when its commit record follows, and a new beginning voids what came before.
    """
    pending: dict[bytes, bytes | None] = {}
    for batch, position in batches:
        for key, value in zip(batch.keys, batch.values, strict=True):
            if key == BEGIN_KEY:
                if not isolated:
                    pending = {}
                continue
            assert key is not None, "a changelog record without a key"
            if key == BUNDLE_KEY:
                pending.update(_unbundle(value or b""))
                continue
            pending[key] = value
            if not isolated and key == COMMIT_KEY:
                store.apply(pending, position)
                pending = {}
        if isolated:
            store.apply(pending, position)
            pending = {}


def bundles(changes: Mapping[bytes, bytes | None], bytes_max: int = _BUNDLE_BYTES) -> Iterator[bytes]:
    """Changed keys in records of about `bytes_max`; one that is larger stands alone."""
    part: dict[bytes, bytes | None] = {}
    size = 0
    for key, value in changes.items():
        part[key] = value
        size += len(key) + len(value or b"")
        if size >= bytes_max:
            yield msgspec.msgpack.encode(part)
            part, size = {}, 0
    if part:
        yield msgspec.msgpack.encode(part)


_unbundle = msgspec.msgpack.Decoder(dict[bytes, bytes | None]).decode


def _store(settings: Settings, hop: str, partition: int, log: bytes) -> PartitionStore:
    if settings.store.kind == "rocksdb":
        return RocksStore(Path(settings.store.path) / hop / str(partition), log)
    return MemoryStore()
