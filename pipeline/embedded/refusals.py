"""The engine's refusals as a ClickHouse server puts them: an error code, and the HTTP status that goes with it.

Codes and statuses follow ClickHouse's own table, src/Server/HTTP/exceptionCodeToHTTPStatus.cpp; the numbers were
read from the engine's errorCodeToName().
"""

import re

__all__ = ["Refused", "status_of"]

_CODE = re.compile(r"Code: (\d+)\.")
_UNKNOWN_EXCEPTION = 1002
_CODES_BY_STATUS = {
    # What the sender wrote is wrong: syntax, types, unreadable values.
    400: "6 8 15 25 26 27 36 37 38 41 44 53 62 72 117 123 167 168 223 321 376 427 441 675 676",
    401: "194",
    403: "192 193 497 512 516",
    # What it names is not there: tables, columns, functions, databases, settings, formats.
    404: "46 47 50 56 60 63 73 78 81 115 152 336 511",
    408: "159",
    411: "381",
    413: "229",
    415: "779",
    501: "48",
    503: "76 209 439",
}
_STATUSES = {int(code): status for status, codes in _CODES_BY_STATUS.items() for code in codes.split()}


class Refused(Exception):
    """A statement was refused: the engine's words, ClickHouse's error code and the HTTP status."""

    def __init__(self, words: str) -> None:
        found = _CODE.search(words)
        # What the Python binding puts before the engine's own words says nothing.
        super().__init__(words[found.start() :] if found else f"Code: {_UNKNOWN_EXCEPTION}. {words}")
        self.code = int(found[1]) if found else _UNKNOWN_EXCEPTION
        self.status = status_of(self.code)


def status_of(code: int) -> int:
    """The HTTP status of an error code; 500 for those without one of their own."""
    return _STATUSES.get(code, 500)
