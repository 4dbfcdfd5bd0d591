"""Requests sent as a form."""

import pytest

from pipeline.embedded.form import FIELD_BYTES_MAX, Form, parse_form, tables_of
from pipeline.embedded.refusals import Refused

TYPE = "multipart/form-data; boundary=xyz"
BODY = (
    b'--xyz\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="ids"; filename="ids.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\x00\r\n\xff--xy\r\n\r\n"
    b"--xyz--\r\n"
)


def test_fields_are_text_and_files_are_bytes_left_as_they_are() -> None:
    assert parse_form(BODY, TYPE) == Form({"query": "SELECT 1"}, {"ids": b"\x00\r\n\xff--xy\r\n"})


def test_a_field_too_long_is_refused_as_a_server_does_and_a_file_is_not() -> None:
    long = BODY.replace(b"SELECT 1", b"1" * FIELD_BYTES_MAX).replace(b"\xff", b"\xff" * 200_000)

    assert len(parse_form(long, TYPE).fields["query"]) == FIELD_BYTES_MAX
    with pytest.raises(Refused, match="Field value too long: query has 131073 bytes") as refused:
        parse_form(long.replace(b"1", b"11", 1), TYPE)
    assert (refused.value.code, refused.value.status) == (1000, 500)


def test_a_form_without_a_boundary_is_refused() -> None:
    with pytest.raises(Refused, match="no boundary"):
        parse_form(BODY, "multipart/form-data")


def test_a_table_has_the_columns_its_structure_names() -> None:
    form = Form({}, {"ids": b"1"})

    tables, described = tables_of(form, {"ids_structure": "id UInt8", "ids_format": "CSV", "max_threads": "1"})

    assert (tables[0].structure, tables[0].format) == ("id UInt8", "CSV")
    assert described == {"ids_structure", "ids_types", "ids_format"}


def test_a_table_with_types_only_has_numbered_columns() -> None:
    tables, _ = tables_of(Form({}, {"ids": b""}), {"ids_types": "UInt8, Map(String, UInt8),String"})

    assert tables[0].structure == "_1 UInt8, _2 Map(String, UInt8), _3 String"


def test_a_table_without_structure_is_refused_with_the_remedy() -> None:
    with pytest.raises(Refused, match="add ids_structure="):
        tables_of(Form({}, {"ids": b""}), {})
