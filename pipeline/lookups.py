"""What transformations look up: read once before the first event, and again when it has changed, beside the hot path.

A file, or a folder of files, is read anew when its time or size changed. An address is fetched into the folder of
lookups and read from there, so that a restart without network works with what was fetched last.
"""

import hashlib
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

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
        self._path = (
            folder / hashlib.sha256(source.place.encode()).hexdigest()[:16] if self._remote else Path(source.place)
        )
        if self._remote:
            try:
                self.fetch()
            except (OSError, ValueError) as problem:
                if not self._path.exists():
                    raise ConfigError(
                        f"{source.place} cannot be fetched: {problem}; nothing was fetched earlier"
                    ) from None
        self._state = self._stat()
        try:
            self.value: Any = source.read(str(self._path))
        except (OSError, ValueError) as problem:
            raise ConfigError(f"{source.place} cannot be read: {problem}") from None

    @property
    def remote(self) -> bool:
        """Whether it has to be fetched."""
        return self._remote

    def fetch(self) -> None:
        """Get the file anew. Raises OSError or ValueError."""
        request = urllib.request.Request(self._source.place)  # noqa: S310 - http or https, checked above
        with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 - likewise
            content = answer.read(FETCH_BYTES_MAX + 1)
        if len(content) > FETCH_BYTES_MAX:
            raise ValueError(f"it has more than {FETCH_BYTES_MAX} bytes")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(self._path)

    def refresh(self) -> bool:
        """Read it anew if it changed; what cannot be read leaves the value as it was. Raises OSError or ValueError."""
        state = self._stat()
        if state == self._state:
            return False
        self.value = self._source.read(str(self._path))
        self._state = state
        return True

    def _stat(self) -> tuple[int, int]:
        try:
            found = [self._path.stat()]
            if self._path.is_dir():
                # A folder's own time tells of files that come and go, not of those that change.
                found += [file.stat() for file in self._path.iterdir()]
        except OSError as problem:
            raise ConfigError(f"{self._source.place} cannot be read: {problem.strerror}") from None
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
                except (OSError, ValueError, ConfigError, URLError) as problem:
                    self._tell(f"a lookup stays as it was: {problem}")
