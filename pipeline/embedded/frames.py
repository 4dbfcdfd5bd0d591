"""ClickHouse's own compression of a body, `compress=1` and `decompress=1`: JDBC speaks it unless told otherwise.

A frame is a checksum (16 bytes), a method, the size of the frame without the checksum, the size of its content, and
the compressed content. Format: ClickHouse, src/Compression/CompressedReadBufferBase.cpp.
"""

import importlib
import struct
import sys
from collections.abc import Iterator
from typing import Any

from pipeline.embedded.cityhash import cityhash128
from pipeline.embedded.refusals import Refused

__all__ = ["framed", "unframed", "zstd"]

CONTENT_BYTES = 1024 * 1024
"""ClickHouse's own maximum for what it writes."""
FRAME_BYTES_MAX = 1024 * 1024 * 1024
"""ClickHouse's own maximum for what it reads."""
_CHECKSUM_BYTES = 16
_HEADER = struct.Struct("<BII")
_LZ4, _ZSTD, _NONE = 0x82, 0x90, 0x02


def framed(data: bytes) -> bytes:
    """The data as frames."""
    import lz4.block

    frames = []
    for start in range(0, len(data), CONTENT_BYTES):
        content = data[start : start + CONTENT_BYTES]
        packed = lz4.block.compress(content, store_size=False)
        frame = _HEADER.pack(_LZ4, _HEADER.size + len(packed), len(content)) + packed
        frames += [cityhash128(frame), frame]
    return b"".join(frames)


def unframed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The content of frames that arrive in pieces of any size. Raises Refused.

    The checksums are not compared: the bytes come from the same machine, and the comparison would cost more than
    everything else.
    """
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while (size := _size(waiting)) and len(waiting) >= size:
            yield _content(bytes(waiting[_CHECKSUM_BYTES:size]))
            del waiting[:size]
    if waiting:
        raise _unreadable("the last frame ends in the middle")


def zstd() -> Any:
    """The zstd module: part of Python from 3.14 on; before, clickhouse-connect brings it."""
    return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _size(waiting: bytearray) -> int:
    """Bytes of the frame that begins here; 0 while its header is not complete."""
    if len(waiting) < _CHECKSUM_BYTES + _HEADER.size:
        return 0
    _, size, content = _HEADER.unpack_from(waiting, _CHECKSUM_BYTES)
    if not _HEADER.size <= size <= FRAME_BYTES_MAX or content > FRAME_BYTES_MAX:
        raise _unreadable(f"a frame claims {size} and {content} bytes")
    return _CHECKSUM_BYTES + int(size)


def _content(frame: bytes) -> bytes:
    import lz4.block

    method, _, size = _HEADER.unpack_from(frame)
    packed = frame[_HEADER.size :]
    try:
        if method == _LZ4:
            return bytes(lz4.block.decompress(packed, uncompressed_size=size))
        if method == _ZSTD:
            return bytes(zstd().decompress(packed))
    except (lz4.block.LZ4BlockError, zstd().ZstdError) as problem:
        raise _unreadable(str(problem)) from problem
    if method == _NONE:
        return packed
    raise _unreadable(f"method {method:#x} is none of LZ4, ZSTD and NONE")


def _unreadable(why: str) -> Refused:
    return Refused(f"Code: 271. DB::Exception: the body is not ClickHouse's compression: {why}. (CANNOT_DECOMPRESS)")
