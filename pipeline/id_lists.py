"""Lists of distinct ids, cut so that ClickHouse takes each as a parameter. Pure."""

from collections.abc import Iterable, Iterator

__all__ = ["BYTES_MAX", "in_pieces"]

BYTES_MAX = 64_000
"""Of a list, with quotes and commas. A server refuses a form's field over 131,072 bytes (http_max_field_value_size),
and escaping doubles an id at most."""
_AROUND = len("'', ")


def in_pieces(ids: Iterable[str], bytes_max: int = BYTES_MAX) -> Iterator[list[str]]:
    """All of the ids, in their order; an id that is longer than a list may be has a list of its own."""
    piece: list[str] = []
    size = 0
    for one in ids:
        more = len(one.encode("utf-8", "surrogatepass")) + _AROUND
        if piece and size + more > bytes_max:
            yield piece
            piece, size = [], 0
        piece.append(one)
        size += more
    if piece:
        yield piece
