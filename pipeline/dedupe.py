"""The same event sent twice by a client: recent uuids per distinct id, in an append-only text of bytes.

A record is 20 bytes: 16 of uuid, 4 of received_at in seconds (big-endian). Up to 32 records stand in the
newest chunk, which is rewritten with all else that is known of the id (known_value.py) when it gets an event; older
ones are sealed under keys of their own and never written again until they expire. So a write costs at most 640 bytes
however busy the id is, and a search is a byte search, without parsing. Time is the events' own received_at: no clock.
"""

from collections.abc import Callable
from struct import Struct
from typing import Annotated

import msgspec

__all__ = [
    "CHUNK_RECORDS",
    "EMPTY",
    "RECORD_BYTES",
    "SEALED_BYTES",
    "DedupRules",
    "Recent",
    "is_repeat",
    "newest_s",
    "sealed_key",
    "sealed_keys",
]

RECORD_BYTES = 20
CHUNK_RECORDS = 32
_SECONDS = Struct(">I")
_SEALED = Struct(">HH")  # number of the first sealed chunk that is kept, number after the last
SEALED_BYTES = _SEALED.size
EMPTY = _SEALED.pack(0, 0)
"""The newest chunk of an id that is not known."""


class DedupRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how many uuids are remembered for each distinct id."""

    window_s: Annotated[int, msgspec.Meta(ge=0, le=2_678_400)] = 86_400
    """Seconds of received_at; a day covers a mobile client's retries after a night without network."""
    per_distinct_id_max: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 1_000
    """The newest are kept, rounded up to whole chunks of 32; 1,000 bound one id's state at 20 kB."""


Read = Callable[[bytes], bytes | None]


class Recent:
    """Looks for repeats and remembers the rest. Sealed chunks are read and written here, the newest by the caller."""

    def __init__(self, read: Read, rules: DedupRules, changes: dict[bytes, bytes | None]) -> None:
        """`changes` takes the sealed chunks that change, and is looked into before `read`."""
        self._read = read
        self._rules = rules
        self._chunks_max = -(-rules.per_distinct_id_max // CHUNK_RECORDS)
        self._changes = changes

    def remember(self, key: bytes, newest: bytes, uuid: bytes, second: int) -> bytes | None:
        """The distinct id's newest chunk with this event in it; None if the event was seen within the window.

        `key` is the id's state key, `second` the event's received_at. Most events do not come here: where nothing is
        sealed, full or expired, a byte search decides (pipeline/known.py).
        """
        oldest_s = second - self._rules.window_s
        if is_repeat(newest, uuid, oldest_s) or self._in_sealed(key, newest, uuid, oldest_s):
            return None
        return self._tidied(key, newest, oldest_s) + uuid + second.to_bytes(4)

    def _in_sealed(self, key: bytes, newest: bytes, uuid: bytes, oldest_s: int) -> bool:
        first, end = _SEALED.unpack_from(newest)
        for number in range(end - 1, first - 1, -1):
            chunk = self._chunk(key, number)
            if chunk is not None and is_repeat(chunk, uuid, oldest_s):
                return True
        return False

    def _tidied(self, key: bytes, newest: bytes, oldest_s: int) -> bytes:
        """Room for one more record: expired ones leave at the front, a full chunk is sealed."""
        first, end = _SEALED.unpack_from(newest)
        while first < end and self._expired(key, first, oldest_s):
            self._changes[sealed_key(key, first)] = None
            first += 1
        start = SEALED_BYTES
        while start < len(newest) and first == end and _SECONDS.unpack_from(newest, start + 16)[0] < oldest_s:
            start += RECORD_BYTES
        records = newest[start:]
        if len(records) >= CHUNK_RECORDS * RECORD_BYTES:
            self._changes[sealed_key(key, end)] = EMPTY + records
            end, records = end + 1, b""
        if end - first > self._chunks_max:
            self._changes[sealed_key(key, first)] = None
            first += 1
        if first == end:
            first = end = 0
        elif end == 0xFFFF:
            first, end = self._renumbered(key, first, end)
        return _SEALED.pack(first, end) + records

    def _renumbered(self, key: bytes, first: int, end: int) -> tuple[int, int]:
        """Sealed chunks moved to the numbers from 0, before the 16-bit number runs out."""
        chunks = [self._chunk(key, number) for number in range(first, end)]
        for number in range(first, end):
            self._changes[sealed_key(key, number)] = None
        for number, chunk in enumerate(chunks):
            self._changes[sealed_key(key, number)] = chunk
        return 0, len(chunks)

    def _expired(self, key: bytes, number: int, oldest_s: int) -> bool:
        chunk = self._chunk(key, number)
        return chunk is None or all(
            _SECONDS.unpack_from(chunk, at + 16)[0] < oldest_s for at in range(SEALED_BYTES, len(chunk), RECORD_BYTES)
        )

    def _chunk(self, key: bytes, number: int) -> bytes | None:
        place = sealed_key(key, number)
        return self._changes[place] if place in self._changes else self._read(place)


def is_repeat(chunk: bytes, uuid: bytes, oldest_s: int) -> bool:
    """Whether the uuid stands in the chunk, at a record's start, and was received at or after `oldest_s`."""
    at = chunk.find(uuid, SEALED_BYTES)
    while at >= 0:
        if (at - SEALED_BYTES) % RECORD_BYTES == 0 and _SECONDS.unpack_from(chunk, at + 16)[0] >= oldest_s:
            return True
        at = chunk.find(uuid, at + 1)
    return False


def sealed_key(key: bytes, number: int) -> bytes:
    """Where a sealed chunk of the distinct id with this state key stands."""
    return b"s" + number.to_bytes(2) + key


def sealed_keys(key: bytes, newest: bytes) -> list[bytes]:
    """Where all its sealed chunks stand."""
    first, end = _SEALED.unpack_from(newest)
    return [sealed_key(key, number) for number in range(first, end)]


def newest_s(chunk: bytes) -> int:
    """The latest received_at in the chunk, epoch seconds; 0 for an empty one."""
    return max(
        (_SECONDS.unpack_from(chunk, at + 16)[0] for at in range(SEALED_BYTES, len(chunk), RECORD_BYTES)), default=0
    )
