"""What a request to the embedded ClickHouse means: a query, or an insert whose rows follow the statement.

The statement may come in the URL, in the body, or begun in one and continued in the other, as ClickHouse's HTTP
interface allows. Only as much of it is read here as is needed to tell where the rows begin and which format is meant;
the engine parses the rest.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

__all__ = ["insert_in", "query_in", "Insert", "Query", "settings_of", "parameters_of", "PROTOCOL_NAMES"]

_STATEMENT_NAMES = ("query", "database", "default_format", "query_id", "wait_end_of_query", "buffer_size")
_USER_NAMES = ("user", "password", "quota_key", "role", "stacktrace")
_SESSION_NAMES = ("session_id", "session_timeout", "session_check", "close_session")
_TRANSPORT_NAMES = ("compress", "decompress", "client_protocol_version")
PROTOCOL_NAMES = frozenset((*_STATEMENT_NAMES, *_USER_NAMES, *_SESSION_NAMES, *_TRANSPORT_NAMES))
"""Names in the query string that belong to the protocol; the others are settings of the query or `param_…`."""

_TOKEN = re.compile(
    r"""\s+|--[^\n]*|\#[! ][^\n]*|/\*.*?\*/"""  # nothing
    r"""|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`"""  # a string or a quoted name
    r"""|[^\W\d]\w*|\d[\w.]*|.""",
    re.DOTALL,
)
_NOTHING = re.compile(r"\s|--|\#[! ]|/\*")
_KILL = re.compile(r"^\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*'([^'\\]+)'", re.IGNORECASE)


class Query(msgspec.Struct, frozen=True):
    """A statement to run, and the format its result is wanted in."""

    sql: str
    format: str


class Insert(msgspec.Struct, frozen=True):
    """An insert whose rows follow at `rows_at` bytes of the text, in a format.

    `source` is the structure text of an `input('…')` when the statement selects from its rows.
    """

    sql: str
    format: str
    rows_at: int
    source: str = ""


def insert_in(text: bytes) -> Insert | None:
    """The insert that the text begins with, if rows follow it; its beginning is enough to tell."""
    # Latin-1 keeps one character a byte, so that positions in the text are positions in the rows.
    letters = text.decode("latin-1")
    words = _words(letters)
    first = next(words, None)
    if not first or first[0] != "INSERT":
        return None
    before = ""
    for word, start, end in words:
        if before in ("INTO", "TABLE", "."):
            pass  # a table may be called anything
        elif word == "VALUES":
            return Insert(text[:start].decode(), "Values", end)
        elif word == "FORMAT":
            return _formatted(text, letters, start, words)
        elif word in ("SELECT", "WITH"):
            return _selecting(text, letters)
        elif word in ("FROM", "WATCH"):
            return None
        before = word
    return None


def query_in(text: bytes, default_format: str) -> Query:
    """The whole text as a statement. Raises UnicodeDecodeError."""
    sql = text.decode().rstrip()
    killed = _KILL.match(sql)
    if killed:
        # The engine gives each statement an id of its own; the server notes the client's as its comment.
        found = f"SELECT query_id FROM system.processes WHERE Settings['log_comment'] = '{killed[1]}'"
        sql = f"KILL QUERY WHERE query_id IN ({found}) SYNC"
    return Query(sql, _format_at_end(sql) or default_format)


def settings_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """The settings among a request's parameters."""
    return {
        name: value
        for name, value in parameters.items()
        if name not in PROTOCOL_NAMES and not name.startswith("param_")
    }


def parameters_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """The values for the statement's `{name:Type}` places."""
    return {name[6:]: value for name, value in parameters.items() if name.startswith("param_")}


def _formatted(
    text: bytes, letters: str, start: int, words: Iterator[tuple[str, int, int]], source: str = ""
) -> Insert | None:
    name = next(words, None)
    if name is None:
        return None
    _, begin, end = name
    return Insert(text[:start].decode(), letters[begin:end], _after_line(letters, end), source)


def _selecting(text: bytes, letters: str) -> Insert | None:
    """INSERT … SELECT has no rows of its own, unless it selects from `input('structure')`."""
    words = _words(letters)
    found = re.search(r"\binput\s*\(\s*'((?:[^'\\]|\\.)*)'\s*\)", letters, re.IGNORECASE)
    if found:
        for word, start, _ in words:
            if word == "FORMAT" and start > found.end():
                return _formatted(text, letters, start, words, text[found.start() : found.end()].decode())
    return None


def _after_line(letters: str, end: int) -> int:
    """Rows begin after the first line break behind the format's name, or after blanks when there is none."""
    while letters[end : end + 1] in (" ", "\t", "\f") and letters[end : end + 1]:
        end += 1
    end += letters[end : end + 1] == "\r"
    return end + (letters[end : end + 1] == "\n")


def _format_at_end(letters: str) -> str:
    """The format a query names for its result: the last FORMAT outside of brackets, if only SETTINGS follow."""
    before, found = "", ""
    for word, start, end in _words(letters):
        if before == "FORMAT" and word[:1].isalpha():
            found = letters[start:end]
        before = word
    return found


def _words(letters: str) -> Iterator[tuple[str, int, int]]:
    """Words outside of brackets, strings and comments, in capitals, with their places; signs as they are."""
    depth = 0
    for token in _TOKEN.finditer(letters):
        sign = token[0]
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        elif depth == 0 and not _NOTHING.match(sign):
            yield sign.upper(), token.start(), token.end()
