"""Where committed state lives between commits: per partition, in memory or in RocksDB on disk.

A store on disk sees only what is committed: what a batch changed stays in an `Overlay` until its transaction has been
committed, and is thrown away when the partition is. One in memory is thrown away with it, so its changes go in at once.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Changes", "MemoryStore", "Overlay", "PartitionStore", "RocksStore", "WriteThrough", "over"]

Changes = Mapping[bytes, bytes | None]
"""State keys with their new values; None removes the key."""

_POSITION_KEY = b"\x00position"
_LOG_KEY = b"\x00log"


class PartitionStore(Protocol):
    """Committed keys of one partition."""

    def get(self, key: bytes) -> bytes | None: ...

    def apply(self, changes: Changes, position: int) -> None:
        """Take over committed changes; `position` is the changelog offset after them."""

    def position(self) -> int:
        """The changelog offset to recover from: everything before it is in the store."""

    def items(self) -> Iterator[tuple[bytes, bytes]]: ...

    def keys(self) -> Iterator[bytes]:
        """The keys as they are now, whatever changes while they are taken."""

    def clear(self) -> None:
        """Forget everything, the position too."""

    def close(self) -> None: ...


class MemoryStore:
    """A dictionary. Recovery reads the whole changelog."""

    def __init__(self) -> None:
        self._data: dict[bytes, bytes] = {}
        self._position = 0
        self.get = self._data.get

    def apply(self, changes: Changes, position: int) -> None:
        self.write(changes)
        self._position = position

    def write(self, changes: Changes) -> None:
        """Take over changes that may not be committed yet."""
        if not all(changes.values()):
            removed = [key for key, value in changes.items() if value is None]
            changes = {key: value for key, value in changes.items() if value is not None}
            for key in removed:
                self._data.pop(key, None)
        self._data.update(changes)  # type: ignore[arg-type]

    def position(self) -> int:
        return self._position

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._data.items())

    def keys(self) -> Iterator[bytes]:
        return iter(list(self._data))

    def clear(self) -> None:
        self._data.clear()
        self._position = 0

    def close(self) -> None:
        self._data.clear()

    def __len__(self) -> int:
        return len(self._data)


class RocksStore:
    """A RocksDB folder per partition: state may exceed memory, and recovery starts where the folder ends.

    The changelog position is written in the same atomic batch as the keys, so the folder is always a prefix of
    the changelog. A folder that belongs to another changelog (its topic was created again) is emptied.
    """

    def __init__(self, folder: Path, log: bytes) -> None:
        self._folder = folder
        self._log = log
        # What was set aside by a `clear` that a kill cut short.
        shutil.rmtree(_set_aside(folder), ignore_errors=True)
        self._database = _open(folder)
        if self._database.get(_LOG_KEY) != log:
            self.clear()

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._database.get(key)
        return value

    def apply(self, changes: Changes, position: int) -> None:
        from rocksdict import WriteBatch

        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_POSITION_KEY, str(position).encode())
        self._database.write(batch)

    def position(self) -> int:
        return int(self._database.get(_POSITION_KEY) or b"0")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        found: Iterable[tuple[bytes, bytes]] = self._database.items()
        return ((key, value) for key, value in found if not key.startswith(b"\x00"))

    def keys(self) -> Iterator[bytes]:
        found: Iterable[bytes] = self._database.keys()
        return (key for key in found if not key.startswith(b"\x00"))

    def clear(self) -> None:
        self._database.close()
        # Half removed it could not be opened any more, by anybody: moved away it is gone at once.
        shutil.rmtree(_set_aside(self._folder), ignore_errors=True)
        self._folder.rename(_set_aside(self._folder))
        shutil.rmtree(_set_aside(self._folder))
        self._database = _open(self._folder)
        self._database.put(_LOG_KEY, self._log)

    def close(self) -> None:
        self._database.close()


def _set_aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.removed")


def _open(folder: Path) -> Any:
    from rocksdict import Options, Rdict

    folder.mkdir(parents=True, exist_ok=True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    return Rdict(str(folder), options)


class Overlay:
    """What changed since the last commit, over what is being committed, over what is committed.

    Freezing hands the changes to a transaction while the next batches are already being worked on.
    """

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self._current: dict[bytes, bytes | None] = {}
        self._frozen: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        if key in self._current:
            return self._current[key]
        if key in self._frozen:
            return self._frozen[key]
        return self._store.get(key)

    def update(self, changes: Changes) -> None:
        self._current.update(changes)

    def freeze(self) -> dict[bytes, bytes | None]:
        """The changes since the last freeze. The one before must have been committed."""
        assert not self._frozen, "a second transaction was begun before the first was committed"
        self._frozen, self._current = self._current, {}
        return self._frozen

    def also(self, key: bytes, value: bytes) -> None:
        """The transaction of the frozen changes wrote this key, too."""
        self._frozen[key] = value

    def committed(self, position: int) -> None:
        """The frozen changes are in the changelog: hand them to the store."""
        self._store.apply(self._frozen, position)
        self._frozen = {}

    def __len__(self) -> int:
        return len(self._current)


class WriteThrough:
    """What changed since the last commit, already written to a store in memory.

    No change is ever taken back: whatever fails ends the process, and a lost partition takes its store along. So a look
    is one look, and a commit moves nothing.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._current: dict[bytes, bytes | None] = {}
        self._frozen = False
        self._beside: dict[bytes, bytes | None] = {}
        self.get = store.get

    def update(self, changes: Changes) -> None:
        self._current.update(changes)
        self._store.write(changes)

    def freeze(self) -> dict[bytes, bytes | None]:
        """The changes since the last freeze. The one before must have been committed."""
        assert not self._frozen, "a second transaction was begun before the first was committed"
        self._frozen = True
        frozen, self._current = self._current, {}
        return frozen

    def also(self, key: bytes, value: bytes) -> None:
        """The transaction of the frozen changes wrote this key, too; said in the thread that commits."""
        self._beside[key] = value

    def committed(self, position: int) -> None:
        """The frozen changes are in the changelog."""
        self._store.apply(self._beside, position)
        self._beside, self._frozen = {}, False

    def __len__(self) -> int:
        return len(self._current)


def over(store: PartitionStore) -> Overlay | WriteThrough:
    """What keeps the uncommitted changes of this store."""
    return WriteThrough(store) if isinstance(store, MemoryStore) else Overlay(store)
