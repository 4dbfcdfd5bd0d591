"""Which of ClickHouse's answers mean "later", and which mean "these rows never".

The default is "later": holding a block back loses nothing, while rejecting good rows because a table was missing
would. Only codes that speak of the rows' content are permanent. Codes: ClickHouse, src/Common/ErrorCodes.cpp.
"""

import re

__all__ = ["CONTENT_CODES", "code_of", "speaks_of_content", "too_many_partitions"]

CONTENT_CODES = {
    6: "CANNOT_PARSE_TEXT",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    131: "TOO_LARGE_STRING_SIZE",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    376: "CANNOT_PARSE_UUID",
    395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
    407: "DECIMAL_OVERFLOW",
    469: "VIOLATED_CONSTRAINT",
    467: "CANNOT_PARSE_BOOL",
    675: "CANNOT_PARSE_IPV4",
    676: "CANNOT_PARSE_IPV6",
    691: "UNKNOWN_ELEMENT_OF_ENUM",
}
TOO_MANY_PARTS = 252
_CODE = re.compile(r"(?:Code: |code: )(\d+)")


def code_of(message: str) -> int | None:
    """The error code in a server's message, if it has one."""
    found = _CODE.search(message)
    return int(found[1]) if found else None


def speaks_of_content(code: int | None) -> bool:
    """Whether the rows themselves are refused, so that cutting the block finds the offending ones."""
    return code in CONTENT_CODES


def too_many_partitions(message: str) -> bool:
    """One insert touched more monthly partitions than the server allows: cut it and it lands."""
    return code_of(message) == TOO_MANY_PARTS and "partitions" in message
