"""A request sent as a form: long parameters as fields, and tables of the sender's own as files.

clickhouse-connect sends long parameters this way, and everybody external data (`curl -F 'ids=@ids.csv'`).
"""

import re
from collections.abc import Mapping

import msgspec

from pipeline.embedded.refusals import Refused

__all__ = ["FIELD_BYTES_MAX", "parse_form", "tables_of", "Form", "ExternalTable"]

FIELD_BYTES_MAX = 131_072
"""A server's http_max_field_value_size as it comes, which a request cannot change. Files have no such limit."""
_NAME = re.compile(r'[; ]name="([^"]*)"', re.IGNORECASE)
_FILE = re.compile(r"[; ]filename\*?=", re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


class Form(msgspec.Struct, frozen=True):
    """Fields by name, and the bytes of files by name."""

    fields: dict[str, str]
    files: dict[str, bytes]


class ExternalTable(msgspec.Struct, frozen=True):
    """A temporary table that comes with a request and is gone with it."""

    name: str
    structure: str
    format: str
    rows: bytes


def parse_form(body: bytes, content_type: str) -> Form:
    """The parts of a multipart/form-data body. Raises Refused when it is none, or has a field a server would refuse."""
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        raise Refused("Code: 36. DB::Exception: the form has no boundary. (BAD_ARGUMENTS)")
    fields, files = {}, {}
    # The line break before a boundary belongs to it; the body is given one before its first.
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())[1:]:
        head, separator, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head.decode("utf-8", "replace"))
        if not separator or not name:
            continue  # what follows the last boundary
        if _FILE.search(head.decode("utf-8", "replace")):
            files[name[1]] = content
        elif len(content) > FIELD_BYTES_MAX:
            # As a server puts it, but for the field's name.
            raise Refused(f"Code: 1000. HTML Form Exception: Field value too long: {name[1]} has {len(content)} bytes")
        else:
            fields[name[1]] = content.decode()
    return Form(fields, files)


def tables_of(form: Form, parameters: Mapping[str, str]) -> tuple[list[ExternalTable], set[str]]:
    """The form's tables, and the parameters that only describe them. Raises Refused for a table without structure."""
    tables, described = [], set()
    for name, rows in form.files.items():
        structure = parameters.get(f"{name}_structure", "")
        types = parameters.get(f"{name}_types", "")
        if not structure and not types:
            raise Refused(
                f"Code: 36. DB::Exception: the external table {name} has no structure: "
                f"add {name}_structure='column Type, …'. (BAD_ARGUMENTS)"
            )
        columns = structure or ", ".join(f"_{n} {kind}" for n, kind in enumerate(_split(types), 1))
        tables.append(ExternalTable(name, columns, parameters.get(f"{name}_format", "TabSeparated"), rows))
        described |= {f"{name}_structure", f"{name}_types", f"{name}_format"}
    return tables, described


def _split(types: str) -> list[str]:
    """Types separated by commas, some of which have commas of their own in brackets."""
    found, depth = [""], 0
    for letter in types:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [kind.strip() for kind in found]
