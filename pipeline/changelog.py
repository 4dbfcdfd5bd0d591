"""The changelog of one partition's state: how it is written, read back, and kept short.

A commit writes all the keys it changed in a few records, bundles: a record for each key would cost more than to decide
about the event. So compaction by key cannot shorten the log. Instead the state is written anew now and then, in rounds:
each commit takes along as many keys as it has changed, with their values as they stand, until all have been written;
then everything before the round began is let go. What is left holds the whole state (docs/decisions/0020).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, islice

import msgspec

from pipeline.outcome import Read
from pipeline.stores import PartitionStore
from schemas.record import RawBatch

__all__ = ["BEGIN_KEY", "COMMIT_KEY", "ROUNDS_KEY", "Rounds", "bundle_key", "bundles", "restore", "size_of"]

COMMIT_KEY = b"\x00commit"
BEGIN_KEY = b"\x00begin"
_BUNDLE_KEY = b"\x00bundle"
ROUNDS_KEY = b"\x00rounds"
"""Under which a store keeps what its partition's rounds have noted; it stands in no log."""
_BUNDLE_BYTES = 1024 * 1024
_KEYS_MIN = 50
_SHARE_BYTES_MIN = 1024 * 1024
"""A commit takes along no more than it has changed itself, in keys and in bytes, or so much where it changed little."""


class Rounds:
    """Which keys a commit writes anew, and what of the log may go. One partition's; pure, it only counts.

    A round begins when the log has grown by `bytes_min`, or by twice what the state was when it was last written,
    whichever is more: so the log stays within some six times the state, and every second change takes along a key.
    """

    def __init__(self, read: Read, keys: Callable[[], Iterator[bytes]], bytes_min: int) -> None:
        """`read` and `keys` give the state as the commit leaves it, at the time `share` is called."""
        self._read = read
        self._keys = keys
        self._bytes_min = bytes_min
        self._left: Iterator[bytes] | None = None
        self._is_done = False
        self._since = 0
        self._grown = 0
        self._written = 0
        self._before: tuple[int, int] | None = None
        """What the last round had written, and what had come since when this one began."""
        self.position = 0
        """Where the log ends, as far as its own commits go."""

    def start(self, position: int, grown: int, noted: bytes | None = None) -> None:
        """Recovered up to this offset, from `grown` bytes, and before them from a store with this note."""
        self.position, self._grown = position, grown
        if noted:
            self._written, before = map(int, noted.split())
            self._grown += before

    def note(self) -> bytes:
        """What a store on disk has to keep: it starts with what it has, and would not know how long the log is.

        A round under way counts as if it had not begun: whoever starts from here begins it anew.
        """
        written, grown = self._written, self._grown
        if self._before is not None:
            written, grown = self._before[0], self._before[1] + written + grown
        return b"%d %d" % (written, grown)

    def share(self, changes: dict[bytes, bytes | None]) -> dict[bytes, bytes | None]:
        """What the commit of these changes writes: them, and keys that are due in this round."""
        size = size_of(changes)
        self._grown += size
        if self._left is None:
            if self._grown < max(self._bytes_min, 2 * self._written):
                return changes
            self._left, self._since = self._keys(), self.position
            self._before = self._written, self._grown
            self._grown = self._written = 0
        share = changes.copy()
        room = max(_SHARE_BYTES_MIN, size)
        self._is_done = True
        for taken, key in enumerate(self._left, 1):
            value = None if key in changes or key.startswith(b"\x00") else self._read(key)
            if value is not None:
                share[key] = value
                self._written += len(key) + len(value)
                room -= len(key) + len(value)
            if room <= 0 or taken >= max(_KEYS_MIN, len(changes)):
                self._is_done = False
                break
        return share

    def wrote(self, size: int) -> None:
        """The commit wrote so many bytes beside the state: its record."""
        self._grown += size

    def committed(self, position: int) -> int | None:
        """The commit is in the log, which ends here now. The offset before which nothing is needed any more, if new."""
        self.position = position
        if not self._is_done:
            return None
        self._left, self._before, self._is_done = None, None, False
        return self._since

    def close(self) -> None:
        """Let go of the store."""
        self._left = None


def size_of(changes: Mapping[bytes, bytes | None]) -> int:
    """Bytes of the keys and the values."""
    return sum(map(len, changes)) + sum(map(len, filter(None, changes.values())))


def bundle_key(position: int, number: int) -> bytes:
    """Of a bundle in the commit that begins at this offset: no two are alike, lest a broker compacts them after all."""
    return b"%s:%d:%d" % (_BUNDLE_KEY, position, number)


def bundles(changes: Mapping[bytes, bytes | None], bytes_max: int = _BUNDLE_BYTES) -> Iterator[bytes]:
    """Changed keys in records of about `bytes_max`; one that is larger stands alone."""
    ends = list(accumulate([len(key) + len(value or b"") for key, value in changes.items()]))
    items = iter(changes.items())
    done = size = 0
    while done < len(ends):
        # With the key that fills the bundle.
        end = min(bisect_left(ends, size + bytes_max, done) + 1, len(ends))
        yield msgspec.msgpack.encode(changes if end - done == len(ends) else dict(islice(items, end - done)))
        done, size = end, ends[end - 1]


def restore(store: PartitionStore, batches: "Iterable[tuple[RawBatch, int]]", *, isolated: bool) -> int:
    """Apply a changelog in whole batches, and return how many bytes it was.

    Where the broker isolates transactions (every Kafka), what is read is committed. Where it does not, the keys
    of a transaction are applied only when its commit record follows, and a new beginning voids what came before.
    """
    pending: dict[bytes, bytes | None] = {}
    size = 0
    for batch, position in batches:
        for offset, key, value in zip(batch.offsets, batch.keys, batch.values, strict=True):
            size += len(value or b"")
            if key == BEGIN_KEY:
                if not isolated:
                    pending = {}
                continue
            assert key is not None, "a changelog record without a key"
            if key.startswith(_BUNDLE_KEY):
                pending.update(_unbundle(value or b""))
                continue
            pending[key] = value
            if not isolated and key == COMMIT_KEY:
                # The rest of the batch may belong to a transaction of which more is to come.
                store.apply(pending, offset + 1)
                pending = {}
        if isolated:
            store.apply(pending, position)
            pending = {}
    return size


_unbundle = msgspec.msgpack.Decoder(dict[bytes, bytes | None]).decode
