"""A request's body in pieces, compressed or not, within its limit."""

import gzip
import io
import zlib

import lz4.frame
import pytest

from pipeline.embedded.body import Body, compressed
from pipeline.embedded.frames import framed, zstd
from pipeline.embedded.refusals import Refused

DATA = b"0123456789" * 300_000


def _body(raw: bytes, bytes_max: int = 10**9, framed_body: bool = False, **headers: str) -> Body:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Body(io.BufferedReader(io.BytesIO(raw)), {"Content-Length": str(len(raw)), **named}, bytes_max, framed_body)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("lz4", lz4.frame.compress),
        ("zstd", zstd().compress),
    ],
)
def test_a_body_arrives_whole_in_every_encoding(encoding: str, pack) -> None:
    body = _body(pack(DATA), Content_Encoding=encoding)

    head = body.head(65_536)

    assert len(head) >= 65_536
    assert head + b"".join(body.rest()) == DATA


def test_two_compressed_streams_after_each_other_are_one_body() -> None:
    body = _body(gzip.compress(b"one ") + gzip.compress(b"two"), Content_Encoding="gzip")

    assert body.whole(b"") == b"one two"


@pytest.mark.parametrize("raw", [gzip.compress(DATA)[:-9], b"not gzip at all"])
def test_a_broken_stream_is_refused_and_not_taken_for_its_first_half(raw: bytes) -> None:
    with pytest.raises(Refused, match="the body is not gzip"):
        _body(raw, Content_Encoding="gzip").whole(b"")


def test_an_unknown_encoding_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(Refused, match="use gzip, deflate, lz4, zstd or none"):
        _body(b"", Content_Encoding="br")


def test_clickhouses_own_frames_are_understood() -> None:
    assert _body(framed(DATA), framed_body=True).whole(b"") == DATA


def test_chunks_are_joined_and_the_next_request_is_left_alone() -> None:
    source = io.BufferedReader(io.BytesIO(b"3\r\nabc\r\n4;note\r\ndefg\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1"))

    body = Body(source, {"Transfer-Encoding": "chunked"}, 100)

    assert (body.whole(b""), source.read()) == (b"abcdefg", b"GET / HTTP/1.1")


def test_a_body_over_the_limit_is_read_to_its_end_and_refused() -> None:
    source = io.BufferedReader(io.BytesIO(b"x" * 1000 + b"next"))
    body = Body(source, {"Content-Length": "1000"}, 999)

    with pytest.raises(Refused, match="QUERY_IS_TOO_LARGE"):
        body.whole(b"")

    assert source.read() == b"next"


def test_a_sender_that_goes_away_in_mid_body_is_no_end_of_the_body() -> None:
    body = Body(io.BufferedReader(io.BytesIO(b"half")), {"Content-Length": "8"}, 100)

    with pytest.raises(ConnectionResetError):
        body.whole(b"")


def test_an_answer_is_compressed_in_the_first_encoding_both_know() -> None:
    packed, encoding = compressed(DATA, "br;q=1.0, gzip;q=0.8")

    assert (gzip.decompress(packed) == DATA, encoding) == (True, "gzip")
    assert compressed(DATA, "br") == (DATA, "")
