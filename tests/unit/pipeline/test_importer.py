import gzip

import msgspec
import pytest

import pipeline.importer
from pipeline.importer import ImportPlan, lines_of, read_line
from schemas.outcomes import ConfigError

NDJSON = ImportPlan(form="ndjson", token="demo")


def content_of(line):
    return msgspec.json.decode(read_line(NDJSON, line).value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_lines_are_numbered_and_empty_ones_left_out(tmp_path, pack):
    file = tmp_path / "lines"
    file.write_bytes(pack(b"one\r\n\ntwo\nthree"))

    assert list(lines_of(file)) == [(1, b"one"), (3, b"two"), (4, b"three")]


def test_damaged_gzip_data_is_an_error_that_names_the_line(tmp_path):
    file = tmp_path / "lines.gz"
    file.write_bytes(gzip.compress(b"one\ntwo\n" * 1000)[:-12])

    with pytest.raises(ConfigError, match=r"lines.gz:\d+: the gzip data is damaged"):
        list(lines_of(file))


def test_a_line_that_no_record_can_hold_is_an_error_and_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline.importer, "LINE_BYTES_MAX", 10)
    file = tmp_path / "binary"
    file.write_bytes(b"short\n" + b"x" * 1000)

    with pytest.raises(ConfigError, match="binary:2: longer than 10 bytes"):
        list(lines_of(file))


def test_a_json_line_gets_the_token_and_is_of_the_past():
    line = read_line(NDJSON, b' {"event":"e","distinct_id":"ada"}')

    assert msgspec.json.decode(line.value) == {"token": "demo", "historical": True, "event": "e", "distinct_id": "ada"}
    assert line.key == b"ada"


@pytest.mark.parametrize("own", ['"token":"t"', '"api_key":"t"', '"writeKey":"t"', '"properties":{"token":"t"}'])
def test_a_json_line_keeps_its_own_token(own):
    content = content_of(f'{{{own},"event":"e"}}'.encode())

    assert content.get("token") in (None, "t")


def test_a_json_line_may_say_that_it_is_not_of_the_past():
    assert content_of(b'{"historical":false}')["historical"] is False


def test_an_empty_object_stays_json():
    assert content_of(b"{ }") == {"token": "demo", "historical": True}


def test_a_lone_surrogate_is_left_to_accept_which_repairs_it():
    line = read_line(NDJSON, rb'{"event":"\ud800"}')

    assert line.parsable
    assert line.value.endswith(rb'"event":"\ud800"}')


@pytest.mark.parametrize("line", [b"[1]", b"3", b'"text"', b"[" * 100_000])
def test_what_accept_can_name_itself_goes_as_it_is(line):
    found = read_line(NDJSON, line)

    assert found.parsable
    assert found.value == line


@pytest.mark.parametrize("plan", [NDJSON, ImportPlan(form="access-log", token="demo")], ids=lambda plan: plan.form)
def test_what_cannot_be_read_is_marked_and_keeps_its_bytes(plan):
    line = read_line(plan, b"\xffnonsense")

    assert not line.parsable
    assert line.value == b"\xffnonsense"


def test_one_clients_lines_share_a_key():
    line = b'10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"'

    assert read_line(ImportPlan(form="access-log", token="demo"), line).key == b"10.0.0.1"
