"""Telling an insert from a query, and where an insert's rows begin."""

import pytest

from pipeline.embedded.statements import Query, insert_in, parameters_of, query_in, settings_of


@pytest.mark.parametrize(
    ("text", "head", "form", "rows"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", b"1,2\n"),
        (b"INSERT INTO t (a, b) FORMAT ArrowStream\n\xff\xfe", "INSERT INTO t (a, b) ", "ArrowStream", b"\xff\xfe"),
        (b"insert into t format TSV 1\t2", "insert into t ", "TSV", b"1\t2"),
        (b"INSERT INTO t FORMAT TSV\r\n\n1", "INSERT INTO t ", "TSV", b"\n1"),
        (b"INSERT INTO t VALUES (1), (2)", "INSERT INTO t ", "Values", b" (1), (2)"),
        (b"/* tool */ -- note\nINSERT INTO t VALUES (1)", "/* tool */ -- note\nINSERT INTO t ", "Values", b" (1)"),
        (b"INSERT INTO t SETTINGS a = 'FORMAT' FORMAT CSV\n1", "INSERT INTO t SETTINGS a = 'FORMAT' ", "CSV", b"1"),
        (b"INSERT INTO format FORMAT CSV\n1", "INSERT INTO format ", "CSV", b"1"),
        (b"INSERT INTO db.values VALUES (1)", "INSERT INTO db.values ", "Values", b" (1)"),
        ("INSERT INTO `größe` (ä) FORMAT CSV\n1".encode(), "INSERT INTO `größe` (ä) ", "CSV", b"1"),
    ],
)
def test_rows_begin_behind_the_format_or_values(text: bytes, head: str, form: str, rows: bytes) -> None:
    found = insert_in(text)

    assert found is not None
    assert (found.sql, found.format, text[found.rows_at :]) == (head, form, rows)


def test_an_insert_may_select_from_its_rows() -> None:
    text = b"INSERT INTO t SELECT a + 1 FROM input('a Int32') FORMAT CSV\n1\n"

    found = insert_in(text)

    assert found is not None
    assert (found.source, found.format, text[found.rows_at :]) == ("input('a Int32')", "CSV", b"1\n")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t SELECT * FROM u",
        "INSERT INTO t WITH 1 AS x SELECT x",
        "INSERT INTO t FROM INFILE 'a.csv' FORMAT CSV",
        "INSERT INTO t",
    ],
)
def test_an_insert_without_rows_is_a_query(sql: str) -> None:
    assert insert_in(sql.encode()) is None


@pytest.mark.parametrize(
    ("sql", "form"),
    [
        ("SELECT 1", "Native"),
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1 format CSV SETTINGS max_threads = 1", "CSV"),
        ("SELECT 1 FORMAT JSON -- as asked", "JSON"),
        ("SELECT ' FORMAT CSV'", "Native"),
        ("SELECT * FROM (SELECT 1 FORMAT CSV)", "Native"),
        ("SELECT format('{}', 1)", "Native"),
        ("SHOW CREATE TABLE t FORMAT TabSeparatedRaw;", "TabSeparatedRaw"),
        ("CREATE TABLE t (a String DEFAULT 'INSERT INTO t VALUES') ENGINE = Memory", "Native"),
    ],
)
def test_the_format_of_a_result_is_the_one_the_statement_names(sql: str, form: str) -> None:
    assert insert_in(sql.encode()) is None
    assert query_in(sql.encode(), "Native") == Query(sql, form)


def test_killing_a_query_by_the_clients_id_finds_it_by_the_comment() -> None:
    found = query_in(b"KILL QUERY WHERE query_id = 'abc-1'", "TabSeparated")

    assert "Settings['log_comment'] = 'abc-1'" in found.sql


def test_parameters_settings_and_protocol_are_kept_apart() -> None:
    given = {"query": "SELECT 1", "database": "d", "session_id": "s", "param_a": "1", "max_threads": "2"}

    assert (settings_of(given), parameters_of(given)) == ({"max_threads": "2"}, {"a": "1"})
