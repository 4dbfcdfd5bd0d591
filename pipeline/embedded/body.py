"""A request's body as it arrives: in pieces, decompressed, within a limit; an insert never holds it whole."""

import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import Any

from pipeline.embedded.frames import unframed, zstd
from pipeline.embedded.refusals import Refused

__all__ = ["Body", "BODY_BYTES_MAX", "compressed"]

BODY_BYTES_MAX = 1024 * 1024 * 1024
"""As sent; a block of 100,000 events of 1 KB is a tenth of it."""
STATEMENT_BYTES_MAX = 64 * 1024 * 1024
"""A statement without rows; rows that follow an INSERT do not count."""
PIECE_BYTES = 1024 * 1024


class Body:
    """Reads a body piece by piece. `drain` must be called before the connection is used again."""

    def __init__(self, source: BufferedIOBase, headers: Any, bytes_max: int, framed: bool = False) -> None:
        self._left = bytes_max
        self._raw = self._chunked(source) if _is_chunked(headers) else self._sized(source, headers)
        self._pieces = _decompressed(self._raw, headers.get("Content-Encoding", ""), framed)

    def head(self, at_least: int) -> bytes:
        """The first bytes, more than asked for when they came along, fewer when there are no more."""
        parts, size = [], 0
        for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size >= at_least:
                break
        return b"".join(parts)

    def rest(self) -> Iterator[bytes]:
        """The pieces that were not read yet."""
        return self._pieces

    def whole(self, head: bytes) -> bytes:
        """The head and everything after it. Raises Refused when it is too much for a statement."""
        parts, size = [head], len(head)
        for piece in self._pieces:
            size += len(piece)
            if size > STATEMENT_BYTES_MAX:
                raise Refused(
                    f"Code: 229. DB::Exception: a statement may have {STATEMENT_BYTES_MAX} bytes: insert rows with "
                    "INSERT INTO … FORMAT … (QUERY_IS_TOO_LARGE)"
                )
            parts.append(piece)
        return b"".join(parts)

    def drain(self) -> None:
        """Read what is left as it was sent, so that the answer is read and the next request found."""
        for _ in self._raw:
            pass

    def _sized(self, source: BufferedIOBase, headers: Any) -> Iterator[bytes]:
        yield from self._piece_by_piece(source, int(headers.get("Content-Length") or 0))
        self._check()

    def _chunked(self, source: BufferedIOBase) -> Iterator[bytes]:
        while size := int(source.readline(64).split(b";")[0] or b"0", 16):
            yield from self._piece_by_piece(source, size)
            source.readline(64)
        while source.readline(65_536).strip():
            pass  # trailers
        self._check()

    def _piece_by_piece(self, source: BufferedIOBase, size: int) -> Iterator[bytes]:
        """Beyond the limit the bytes are read and thrown away, so that the sender gets to read the answer."""
        self._left -= size
        while size > 0:
            piece = source.read(min(size, PIECE_BYTES))
            if not piece:
                raise ConnectionResetError("the sender closed the connection in mid-body")
            size -= len(piece)
            if self._left >= 0:
                yield piece

    def _check(self) -> None:
        if self._left < 0:
            raise Refused("Code: 229. DB::Exception: the body is too large: send smaller blocks. (QUERY_IS_TOO_LARGE)")


def compressed(data: bytes, accepted: str) -> tuple[bytes, str]:
    """The data in the first encoding of the list that is known, with that encoding's name; else unchanged."""
    for name in (part.split(";")[0].strip() for part in accepted.split(",")):
        if name == "lz4":
            import lz4.frame

            return bytes(lz4.frame.compress(data)), name
        if name == "zstd":
            return bytes(zstd().compress(data, 1)), name
        if name in ("gzip", "deflate"):
            writer = zlib.compressobj(3, wbits=31 if name == "gzip" else 15)
            return writer.compress(data) + writer.flush(), name
    return data, ""


def _is_chunked(headers: Any) -> bool:
    return "chunked" in headers.get("Transfer-Encoding", "").lower()


def _decompressed(pieces: Iterator[bytes], encoding: str, framed: bool) -> Iterator[bytes]:
    if encoding not in ("", "identity"):
        pieces = _through(pieces, _decompressor(encoding.lower()), encoding)
    return unframed(pieces) if framed else pieces


def _decompressor(encoding: str) -> Any:
    if encoding in ("gzip", "deflate"):
        return lambda: zlib.decompressobj(31 if encoding == "gzip" else 15)
    if encoding == "lz4":
        import lz4.frame

        return lz4.frame.LZ4FrameDecompressor
    if encoding == "zstd":
        return zstd().ZstdDecompressor
    raise Refused(
        f"Code: 48. DB::Exception: Content-Encoding {encoding!r} is not supported: "
        "use gzip, deflate, lz4, zstd or none. (NOT_IMPLEMENTED)"
    )


def _through(pieces: Iterator[bytes], new: Callable[[], Any], encoding: str) -> Iterator[bytes]:
    """Decompress; several compressed streams one after another are one body, half a stream is an error."""
    problems = (zlib.error, RuntimeError, ValueError, OSError, zstd().ZstdError)
    reader = None
    for piece in pieces:
        while piece:
            reader = reader or new()
            try:
                data = reader.decompress(piece)
            except problems as problem:
                raise _unreadable(encoding, str(problem)) from problem
            piece = b""
            if reader.eof:
                piece, reader = bytes(reader.unused_data or b""), None
            if data:
                yield data
    if reader is not None:
        raise _unreadable(encoding, "it ends in the middle")


def _unreadable(encoding: str, why: str) -> Refused:
    return Refused(f"Code: 354. DB::Exception: the body is not {encoding}: {why}. (ZLIB_INFLATE_FAILED)")
