"""The embedded engine: one process owns the folder, and each request gets a connection of its own.

A connection is a session. Opening one on a running engine takes 0.2 ms, so settings, `USE` and temporary tables of a
request end with it: nothing can leak into the next one (a deduplication token that did once dropped other rows).
Statements of different connections run at the same time.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from pipeline.embedded.form import ExternalTable
from pipeline.embedded.refusals import Refused
from pipeline.embedded.statements import Insert, Query

__all__ = ["Engine", "Session", "Result", "Context"]

STATEMENTS_MAX = 32
"""At once; further ones wait. A stalled sender holds a place, so this is far more than the cores."""

MEMORY_LOOK_MS = 1_000
"""How often the engine looks at its memory. Ten times a second, as it would, is half of what it costs while nobody
asks anything."""


class Context(msgspec.Struct, frozen=True):
    """What a request says besides its statement."""

    database: str = ""
    settings: Mapping[str, str] = {}
    parameters: Mapping[str, str] = {}
    tables: list[ExternalTable] = []
    read_only: bool = False


class Result(msgspec.Struct, frozen=True):
    """What a statement gave: bytes in the wanted format, and counters."""

    data: bytes
    rows: int = 0
    rows_read: int = 0
    bytes_read: int = 0
    rows_written: int = 0
    bytes_written: int = 0
    elapsed_ns: int = 0


class Engine:
    """Owns the folder while it lives. Threads may open sessions at the same time."""

    def __init__(self, folder: Path) -> None:
        import chdb

        folder.mkdir(parents=True, exist_ok=True)
        self._connect, self._folder = chdb.connect, f"{folder}?memory_worker_period_ms={MEMORY_LOOK_MS}"
        # The engine lives as long as one connection does.
        self._anchor = self._connect(self._folder)
        self._places = threading.BoundedSemaphore(STATEMENTS_MAX)
        self.version, self.timezone = self._about()

    @contextmanager
    def session(self, context: Context) -> Iterator["Session"]:
        """A session for one request. Raises Refused when a setting or the database is unknown."""
        with self._places:
            connection = self._connect(self._folder)
            try:
                session = Session(connection)
                session.prepare(context)
                yield session
            finally:
                connection.close()

    def close(self) -> None:
        """Let go of the folder."""
        self._anchor.close()

    def _about(self) -> tuple[str, str]:
        found = bytes(self._anchor.query("SELECT version(), timezone()", "TabSeparated").bytes())
        version, timezone = found.decode().split()
        return version, timezone


class Session:
    """A connection for one request."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._parameters: Mapping[str, str] = {}

    def query(self, query: Query) -> Result:
        """Run a statement to its end. Raises Refused."""
        try:
            found = self._connection.query(query.sql, query.format, params=self._parameters)
        except RuntimeError as problem:
            raise Refused(str(problem)) from problem
        return Result(
            # A copy: a view of the engine's memory outlives neither the result nor, unnoticed, its connection.
            bytes(found.bytes() or b""),
            # What the binding calls read is what came out; what was read it calls read from storage.
            found.rows_read(),
            found.storage_rows_read(),
            found.storage_bytes_read(),
            found.rows_written(),
            found.bytes_written(),
            int(found.elapsed() * 1e9),
        )

    def insert(self, insert: Insert, rows: Iterable[bytes]) -> Result:
        """Feed rows as they come and commit at their end; on any trouble before it nothing is committed.

        Raises Refused, and whatever the rows raise.
        """
        # The engine's own streamed insert answers well when the write is refused (a constraint, too many
        # partitions, a view that throws) and drops the rows. Reading them from a file in memory says so.
        self._set({f"param_{name}": value for name, value in self._parameters.items()})
        descriptor = os.memfd_create("headrace-insert")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.writelines(rows)
            return self.query(Query(_reading(insert, f"/proc/self/fd/{descriptor}"), "Null"))
        finally:
            os.close(descriptor)

    def prepare(self, context: Context) -> None:
        """Take over what the request says besides its statement. Raises Refused."""
        if context.database and context.database != "default":
            self._run(f"USE {quoted(context.database, '`')}")
        self._set(context.settings)
        for table in context.tables:
            name = quoted(table.name, "`")
            self._run(f"CREATE TEMPORARY TABLE {name} ({table.structure}) ENGINE = Memory")
            self.insert(Insert(f"INSERT INTO {name}", table.format, 0), [table.rows])
        if context.read_only:
            # 2: a reader may still change the settings of its own query.
            self._set({"readonly": "2"})
        self._parameters = context.parameters

    def _set(self, settings: Mapping[str, str]) -> None:
        given = ", ".join(f"{quoted_name(name)} = {quoted(value)}" for name, value in settings.items())
        if given:
            self._run(f"SET {given}")

    def _run(self, sql: str) -> None:
        self.query(Query(sql, "Null"))


def _reading(insert: Insert, path: str) -> str:
    """The insert, with its rows read from a file."""
    if insert.source:
        structure = insert.source[insert.source.index("'") : insert.source.rindex("'") + 1]
        return insert.sql.replace(insert.source, f"file('{path}', '{insert.format}', {structure})")
    target, word, settings = insert.sql.partition(" SETTINGS ")
    return f"{target} FROM INFILE '{path}'{word}{settings} FORMAT {insert.format}"


def quoted(text: str, mark: str = "'") -> str:
    """The text as a literal, or as a name with backquotes."""
    escaped = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def quoted_name(name: str) -> str:
    """A setting's name. Raises Refused when it is none, with the code of an unknown setting."""
    if not name.replace(".", "_").isidentifier():
        raise Refused(f"Code: 115. DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
    return name
