"""ClickHouse's own compression."""

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.embedded.cityhash import cityhash128
from pipeline.embedded.frames import framed, unframed
from pipeline.embedded.refusals import Refused

WRITTEN_BY_THE_ENGINE = [
    "57fc8b017ee5febec32fc15af7b5f37490130000000100000028b52ffd200109000054",
    "ad3eb72c66bae2812d127b933f10c7c190170000000500000028b52ffd20052900005468652071",
    "1fdf30fa524dc67d4d4d9558ddbb76e6903a0000002800000028b52ffd202841010054686520717569636b2062726f776e20666f78206a"
    "756d7073206f76657220746865206c617a7920",
    "5531848de86f6a11f8aeff7042fdbef590680000006400000028b52ffd2064b502004286141880c51a03e01bd1fd94623f6411c558fac8"
    "74ac4cd718011ac8ac73da2353d5de80374062b7f0d035cbc10a67a26985a872dcf3625c20d30e0c2bbc0ccc3a15b2cb647fcd80c471d3"
    "4c59772e90c2e3548200",
]
"""Files of TinyLog tables with one FixedString: a frame each, of which the first 16 bytes are the checksum."""


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(st.binary(max_size=5000), st.integers(1, 3000))
def test_frames_give_back_their_content_however_they_are_cut(data: bytes, size: int) -> None:
    assert b"".join(unframed(_pieces(framed(data), size))) == data


def test_more_than_a_megabyte_takes_several_frames() -> None:
    data = bytes(range(256)) * 10_000

    assert b"".join(unframed(_pieces(framed(data), 65_536))) == data


@pytest.mark.parametrize("cut", [1, 20, 30])
def test_half_a_frame_is_refused(cut: int) -> None:
    with pytest.raises(Refused, match="ends in the middle"):
        list(unframed(iter([framed(b"some content")[:cut]])))


def test_a_frame_of_an_unknown_method_is_refused() -> None:
    frame = bytearray(framed(b"some content"))
    frame[16] = 0x55

    with pytest.raises(Refused, match="method 0x55"):
        list(unframed(iter([bytes(frame)])))


@pytest.mark.parametrize("frame", WRITTEN_BY_THE_ENGINE)
def test_the_checksum_is_the_engines(frame: str) -> None:
    written = bytes.fromhex(frame)

    assert cityhash128(written[16:]) == written[:16]


@pytest.mark.parametrize(
    ("digests", "before"),
    [
        (5, "a583f219481677c4e9ba05be4bd856f290530100004001000028b52ffd604000010a00"),
        (6, "88e1a604f24e8c372c20dd0b9718cc5590930100008001000028b52ffd608000010c00"),
        (40, "54cdde06e49de6808d5a6367d6107af090130a0000000a000028b52ffd600009015000"),
    ],
)
def test_the_checksum_of_long_frames_is_the_engines(digests: int, before: str) -> None:
    content = b"".join(hashlib.sha512(bytes([number])).digest() for number in range(digests))
    written = bytes.fromhex(before) + content

    assert cityhash128(written[16:]) == written[:16]
    assert b"".join(unframed(iter([written]))) == content
