"""Access log lines against the format's own documentation: httpd.apache.org/docs/2.4/logs.html."""

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.access_log import as_event
from schemas.identifiers import LINES

# The example of Apache's documentation of the combined format.
APACHE = (
    b'127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 '
    b'"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
)


def event_of(line, site=""):
    value = as_event(line, "demo", site)
    return None if value is None else msgspec.json.decode(value)


def line_with(request=b"GET / HTTP/1.1", agent=b"curl/8", size=b"5"):
    return b'10.0.0.1 - - [17/May/2015:10:05:03 +0000] "%s" 200 %s "-" "%s"' % (request, size, agent)


def test_the_documentations_example_becomes_a_request():
    event = event_of(APACHE, "https://example.com")

    assert event == {
        "token": "demo",
        "uuid": str(uuid.uuid5(uuid.UUID(bytes=LINES), APACHE.decode())),
        "event": "request",
        "distinct_id": "127.0.0.1",
        "timestamp": "2000-10-10T13:55:36-07:00",
        "historical": True,
        "properties": {
            "$ip": "127.0.0.1",
            "$raw_user_agent": "Mozilla/4.08 [en] (Win98; I ;Nav)",
            "$current_url": "https://example.com/apache_pb.gif",
            "$referrer": "http://www.example.com/start.html",
            "method": "GET",
            "status": 200,
            "bytes": 2326,
            "protocol": "HTTP/1.0",
        },
    }


def test_the_common_format_has_neither_referrer_nor_user_agent():
    line = b'127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326'

    properties = event_of(line)["properties"]

    assert not {"$referrer", "$raw_user_agent"} & properties.keys()


def test_without_a_site_the_url_is_the_path():
    assert event_of(APACHE)["properties"]["$current_url"] == "/apache_pb.gif"


def test_a_proxys_request_keeps_the_site_it_names():
    event = event_of(line_with(b"GET http://other.example/x HTTP/1.1"), "https://example.com")

    assert event["properties"]["$current_url"] == "http://other.example/x"


def test_no_bytes_sent_is_zero():
    assert event_of(line_with(size=b"-"))["properties"]["bytes"] == 0


def test_a_connection_without_a_request_is_an_event_without_a_url():
    properties = event_of(line_with(b"-"))["properties"]

    assert properties == {"$ip": "10.0.0.1", "status": 200, "bytes": 5, "$raw_user_agent": "curl/8"}


def test_noise_instead_of_a_request_is_kept_as_it_was_logged():
    assert event_of(line_with(rb"\x16\x03\xff"))["properties"]["request"] == r"\x16\x03\xff"


@pytest.mark.parametrize(
    ("logged", "sent"),
    [
        (rb"a \"quoted\" word", 'a "quoted" word'),
        (rb"back\\slash", "back\\slash"),
        (rb"tab\there", "tab\there"),
        (rb"caf\xc3\xa9", "café"),
        (rb"\xe4\xe5 not UTF-8", r"\xe4\xe5 not UTF-8"),
    ],
)
def test_apaches_escapes_are_undone_where_the_result_is_text(logged, sent):
    assert event_of(line_with(agent=logged))["properties"]["$raw_user_agent"] == sent


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not a log line",
        APACHE[:-1],
        APACHE.replace(b"10/Oct", b"32/Oct"),
        APACHE.replace(b"Oct", b"Okt"),
        APACHE.replace(b"Oct", b"ctN"),
        b"\xff" + APACHE,
        APACHE + b'"' + b"x" * 100_000,
    ],
    ids=["empty", "prose", "cut off", "no such day", "no such month", "part of two months", "not UTF-8", "endless"],
)
def test_a_line_that_has_not_the_format_is_none(line):
    assert as_event(line, "demo") is None


@given(st.binary(max_size=200) | st.text(max_size=50).map(lambda text: line_with(agent=text.encode())))
def test_no_line_whatever_raises(line):
    value = as_event(line, "demo")

    assert value is None or msgspec.json.decode(value)["event"] == "request"
