"""Which of ClickHouse's answers mean "later", and which mean "these rows never".

The default is "later": holding a block back loses nothing, while rejecting good rows because a table was missing
would. Only codes that speak of the rows' content are permanent, and those only when the table itself refuses: a
materialized view runs after the rows have landed, and a row that is there must not be called rejected.
Codes and names: ClickHouse, src/Common/ErrorCodes.cpp; a test asks the engine for each.
"""

import re

__all__ = ["CONTENT_CODES", "RETRYABLE_CODES", "advice", "code_of", "speaks_of_content", "too_many_partitions"]

CONTENT_CODES = {
    6: "CANNOT_PARSE_TEXT",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    69: "ARGUMENT_OUT_OF_BOUND",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    131: "TOO_LARGE_STRING_SIZE",
    153: "ILLEGAL_DIVISION",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    376: "CANNOT_PARSE_UUID",
    395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
    407: "DECIMAL_OVERFLOW",
    467: "CANNOT_PARSE_BOOL",
    469: "VIOLATED_CONSTRAINT",
    675: "CANNOT_PARSE_IPV4",
    676: "CANNOT_PARSE_IPV6",
    691: "UNKNOWN_ELEMENT_OF_ENUM",
}
"""Codes that a value can cause. Not among them: 53 and 70, which say that a column's type was changed."""

RETRYABLE_CODES = {
    16: ("NO_SUCH_COLUMN_IN_TABLE", "a column is missing: run headrace migrate"),
    53: ("TYPE_MISMATCH", "a column has another type than headrace migrate gave it: change it back"),
    60: ("UNKNOWN_TABLE", "a table is missing: run headrace migrate"),
    70: ("CANNOT_CONVERT_TYPE", "a column has another type than headrace migrate gave it: change it back"),
    81: ("UNKNOWN_DATABASE", "the database is missing: run headrace migrate, or correct clickhouse.database"),
    159: ("TIMEOUT_EXCEEDED", "it took too long: look at its load"),
    160: ("TOO_SLOW", "it is too slow for its own limits: look at its load"),
    164: ("READONLY", "the user or the table is read-only: allow the user to insert, or repair the replica"),
    202: ("TOO_MANY_SIMULTANEOUS_QUERIES", "it is busy: it will catch up, or raise max_concurrent_queries"),
    209: ("SOCKET_TIMEOUT", "one of its own connections timed out: look at its network"),
    210: ("NETWORK_ERROR", "one of its own connections broke: look at its network"),
    241: ("MEMORY_LIMIT_EXCEEDED", "it is out of memory: give it more"),
    242: ("TABLE_IS_READ_ONLY", "the table is read-only: look at its Keeper"),
    243: ("NOT_ENOUGH_SPACE", "its disk is full: give it more"),
    252: ("TOO_MANY_PARTS", "it has too many parts to merge: it will catch up, or give it more CPU"),
    279: ("ALL_CONNECTION_TRIES_FAILED", "no shard answers: look at the cluster"),
    285: ("TOO_FEW_LIVE_REPLICAS", "too few replicas live: look at the cluster"),
    319: ("UNKNOWN_STATUS_OF_INSERT", "it lost its Keeper in mid-insert; the same block again is recognized"),
    394: ("QUERY_WAS_CANCELLED", "somebody killed the insert"),
    425: ("SYSTEM_ERROR", "its operating system failed it: look at its log"),
    497: ("ACCESS_DENIED", "the user may not insert: grant INSERT"),
    516: ("AUTHENTICATION_FAILED", "user or password are wrong: correct clickhouse.user and clickhouse.password"),
    999: ("KEEPER_EXCEPTION", "its Keeper does not answer: look at it"),
}
"""What is expected to pass or to be repaired, with what to do. A code that is in neither list is retried as well."""

_TOO_MANY_PARTS = 252
_CODE = re.compile(r"(?:Code: |code: )(\d+)")
_VIEW = re.compile(
    r""": while pushing to view ([^'"\s:]+?)(?: \([0-9a-f-]+\))?\.? \([A-Z_0-9]+\) \(version (?!.*\(version )""",
    re.DOTALL,
)
"""The end of a view's error, where the server names code and version. Only there: a row's text may say anything."""


def code_of(message: str) -> int | None:
    """The error code in a server's message, if it has one."""
    found = _CODE.search(message)
    return int(found[1]) if found else None


def speaks_of_content(message: str) -> bool:
    """Whether the table refuses the rows themselves, so that cutting the block finds the offending ones."""
    return code_of(message) in CONTENT_CODES and not _VIEW.search(message)


def too_many_partitions(message: str) -> bool:
    """One insert touched more monthly partitions than the server allows: cut it and it lands."""
    return code_of(message) == _TOO_MANY_PARTS and "partitions for single INSERT" in message


def advice(message: str) -> str:
    """What an operator should do about an answer that is no refusal of rows."""
    view = _VIEW.search(message)
    if view:
        return f"the materialized view {view[1]} fails: repair or drop it; the block is then sent again and completes"
    _, told = RETRYABLE_CODES.get(code_of(message) or 0, ("", "it is asked again until it takes the block"))
    return told
