"""What transformations look up: read once before the first event, and again when it has changed, beside the hot path.

A file, or a folder of files, is read anew when its time or size changed. An address is fetched into the folder of
lookups and read from there, so that a restart without network works with what was fetched last. What was fetched
replaces the last file only when it can be read.
"""

import hashlib
import os
import threading
import urllib.request
from collections.abc import Callable
from http.client import InvalidURL
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from schemas.outcomes import ConfigError
from transforms.interface import LookupSource

__all__ = ["LookupTable", "Refresher"]

FETCH_TIMEOUT_S = 30.0
FETCH_BYTES_MAX = 512 * 1024 * 1024
"""Twice the largest address database on the market; more is a mistake."""
REFRESH_S = 60.0
"""A changed file is noticed within a minute."""
FETCH_EVERY_S = 3_600.0
"""An address is asked every hour: such lists change by the day."""


class LookupTable:
    """The present content of a source. Raises ConfigError where there is none to begin with."""

    def __init__(self, source: LookupSource, folder: Path) -> None:
        self._source = source
        self._remote = source.place.startswith(("http://", "https://"))
        self.place = _shown(source.place) if self._remote else source.place
        """How it is called in messages: an address often has a key in it, and shows without."""
        name = hashlib.sha256(source.place.encode()).hexdigest()[:16]
        self._path = folder / name if self._remote else Path(source.place)
        self._state: tuple[int, int] | None = None
        self.value: Any = None
        try:
            if self._remote:
                self.fetch()
        except Exception as problem:  # noqa: BLE001 - whatever it is, what was fetched last may do
            if not self._path.exists():
                said = f"{self.place} cannot be fetched: {self.reason(problem)}; nothing was fetched earlier"
                raise ConfigError(said) from None
        try:
            self.refresh()
        except Exception as problem:
            raise ConfigError(f"{self.place} cannot be read: {self.reason(problem)}") from problem

    @property
    def remote(self) -> bool:
        """Whether it has to be fetched."""
        return self._remote

    def fetch(self) -> None:
        """Get the file anew, and read it. What cannot be had whole, or not be read, leaves everything as it was.

        Raises OSError, ValueError or HTTPException, and whatever the source's `read` raises.
        """
        content = self._fetched()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")  # workers may share the folder
        try:
            fresh.write_bytes(content)
            value = self._source.read(str(fresh))
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)
        self._state, self.value = self._stat(), value

    def refresh(self) -> bool:
        """Read it anew if it changed; what cannot be read leaves the value as it was.

        Raises OSError where the file is gone, and whatever the source's `read` raises.
        """
        state = self._stat()
        if state == self._state:
            return False
        self.value = self._source.read(str(self._path))
        self._state = state
        return True

    def reason(self, problem: Exception) -> str:
        """What an exception says, without the address and without the name that stands beside it anyway."""
        if isinstance(problem, InvalidURL):
            return "this is no address"  # its text holds a part of it
        if isinstance(problem, OSError) and problem.filename == str(self._path):
            return problem.strerror or type(problem).__name__
        said = str(problem) if isinstance(problem, OSError | ValueError) else repr(problem)
        return said.replace(self._source.place, self.place)

    def _fetched(self) -> bytes:
        request = urllib.request.Request(self._source.place)  # noqa: S310 - http or https, checked above
        try:
            with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 - likewise
                announced = answer.headers.get("Content-Length")
                content: bytes = answer.read(FETCH_BYTES_MAX + 1)
        except HTTPError as problem:
            with problem:  # its text is not shown: that of a redirection may hold the address
                raise ValueError(f"it answers {problem.code}") from None
        if len(content) > FETCH_BYTES_MAX:
            raise ValueError(f"it has more than {FETCH_BYTES_MAX} bytes")
        # Asked for a number of bytes, the client takes a connection that broke for the end.
        if announced is not None and len(content) != int(announced):
            raise ValueError(f"only {len(content)} of {announced} bytes came")
        return content

    def _stat(self) -> tuple[int, int]:
        found = [self._path.stat()]
        if self._path.is_dir():
            # A folder's own time tells of files that come and go, not of those that change.
            found += [file.stat() for file in self._path.iterdir()]
        return max(stat.st_mtime_ns for stat in found), sum(stat.st_size for stat in found)


class Refresher:
    """A thread that keeps tables fresh until it is told to end. `tell` hears of what could not be read."""

    def __init__(self, tables: list[LookupTable], tell: Callable[[str], None]) -> None:
        self._tables = tables
        self._tell = tell
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookups", daemon=True)
        if tables:
            self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._end.set()

    def _run(self) -> None:
        rounds = 0
        while not self._end.wait(REFRESH_S):
            rounds += 1
            for table in self._tables:
                try:
                    if table.remote and rounds % int(FETCH_EVERY_S / REFRESH_S) == 0:
                        table.fetch()
                    table.refresh()
                except Exception as problem:  # noqa: BLE001 - a plugin's read may raise anything, and the thread lives on
                    self._tell(f"a lookup stays as it was: {table.place}: {table.reason(problem)}")


def _shown(address: str) -> str:
    """Scheme and host: a user, a path and a query may be secrets."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    return f"{address.partition('://')[0]}://{host or '…'}"
