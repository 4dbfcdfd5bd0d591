"""The same event sent twice by a client: recent uuids per distinct id, in an append-only text of bytes.

A record is 20 bytes: 16 of uuid, 4 of received_at in seconds (big-endian). Up to 32 records stand in the
newest chunk, which is rewritten when the id gets an event; older ones are sealed under keys of their own and
never written again until they expire. So a write costs at most 640 bytes however busy the id is, and a search
is a byte search, without parsing. Time is the events' own received_at: no clock.
"""

from collections.abc import Callable, Iterator, Sequence
from struct import Struct

import msgspec

__all__ = ["DedupRules", "Recent", "Sweep", "hot_key", "is_repeat"]

_RECORD = 20
_CHUNK_RECORDS = 32
_SECONDS = Struct(">I")
_SEALED = Struct(">HH")  # number of the first sealed chunk that is kept, number after the last
_HEADER = _SEALED.size
_EMPTY = _SEALED.pack(0, 0)
_FULL = _HEADER + _CHUNK_RECORDS * _RECORD
_FIRST_SECOND = slice(_HEADER + 16, _HEADER + 20)


class DedupRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how many uuids are remembered for each distinct id."""

    window_s: int = 86_400
    """Seconds of received_at; a day covers a mobile client's retries after a night without network."""
    per_distinct_id_max: int = 1_000
    """The newest are kept, rounded up to whole chunks of 32; 1,000 bound one id's state at 20 kB."""


Read = Callable[[bytes], bytes | None]


class Recent:
    """The dedup state of one batch: what it read and what it changed. `changes` goes into the overlay."""

    def __init__(self, read: Read, rules: DedupRules) -> None:
        self._read = read
        self._rules = rules
        self._chunks_max = -(-rules.per_distinct_id_max // _CHUNK_RECORDS)
        self.changes: dict[bytes, bytes | None] = {}

    def repeats(self, keys: Sequence[bytes], uuids: Sequence[bytes], received_s: Sequence[int]) -> list[bool]:
        """For each event, in order, whether it was seen within the window; if not, it is remembered now.

        `keys` are those of `hot_key`, `received_s` epoch seconds. The loop is written for speed: most events meet
        an id that is new or has a few records, none sealed and none expired.
        """
        changes, read = self.changes, self._read
        window_s = self._rules.window_s
        answers = []
        for key, uuid, second in zip(keys, uuids, received_s, strict=True):
            hot = changes.get(key) or read(key)
            record = uuid + second.to_bytes(4)
            if hot is None:
                changes[key] = _EMPTY + record
                answers.append(False)
                continue
            oldest = max(0, second - window_s).to_bytes(4)
            ordinary = hot[:_HEADER] == _EMPTY and len(hot) < _FULL and hot[_FIRST_SECOND] >= oldest
            if ordinary and uuid not in hot:
                changes[key] = hot + record
                answers.append(False)
            else:
                answers.append(self._seen(key, hot, record, second - window_s))
        return answers

    def _seen(self, key: bytes, hot: bytes, record: bytes, oldest_s: int) -> bool:
        """The whole rule, for the events that the quick look could not decide."""
        uuid = record[:16]
        if is_repeat(hot, uuid, oldest_s) or self._in_sealed(key, hot, uuid, oldest_s):
            return True
        self.changes[key] = self._tidied(key, hot, oldest_s) + record
        return False

    def _in_sealed(self, hot_key: bytes, hot: bytes, uuid: bytes, oldest_s: int) -> bool:
        first, end = _SEALED.unpack_from(hot)
        for number in range(end - 1, first - 1, -1):
            chunk = self._chunk(hot_key, number)
            if chunk is not None and is_repeat(chunk, uuid, oldest_s):
                return True
        return False

    def _tidied(self, hot_key: bytes, hot: bytes, oldest_s: int) -> bytes:
        """Room for one more record: expired ones leave at the front, a full chunk is sealed."""
        first, end = _SEALED.unpack_from(hot)
        while first < end and self._expired(hot_key, first, oldest_s):
            self.changes[_sealed_key(hot_key, first)] = None
            first += 1
        start = _HEADER
        while start < len(hot) and first == end and _SECONDS.unpack_from(hot, start + 16)[0] < oldest_s:
            start += _RECORD
        records = hot[start:]
        if len(records) >= _FULL - _HEADER:
            self.changes[_sealed_key(hot_key, end)] = _EMPTY + records
            end, records = end + 1, b""
        if end - first > self._chunks_max:
            self.changes[_sealed_key(hot_key, first)] = None
            first += 1
        if first == end:
            first = end = 0
        elif end == 0xFFFF:
            first, end = self._renumbered(hot_key, first, end)
        return _SEALED.pack(first, end) + records

    def _renumbered(self, hot_key: bytes, first: int, end: int) -> tuple[int, int]:
        """Sealed chunks moved to the numbers from 0, before the 16-bit number runs out."""
        chunks = [self._chunk(hot_key, number) for number in range(first, end)]
        for number in range(first, end):
            self.changes[_sealed_key(hot_key, number)] = None
        for number, chunk in enumerate(chunks):
            self.changes[_sealed_key(hot_key, number)] = chunk
        return 0, len(chunks)

    def _expired(self, hot_key: bytes, number: int, oldest_s: int) -> bool:
        chunk = self._chunk(hot_key, number)
        return chunk is None or all(
            _SECONDS.unpack_from(chunk, at + 16)[0] < oldest_s for at in range(_HEADER, len(chunk), _RECORD)
        )

    def _chunk(self, hot_key: bytes, number: int) -> bytes | None:
        key = _sealed_key(hot_key, number)
        return self.changes[key] if key in self.changes else self._read(key)


def hot_key(state_key: bytes) -> bytes:
    """Where the newest records of a distinct id stand."""
    return b"d" + state_key


def is_repeat(chunk: bytes, uuid: bytes, oldest_s: int) -> bool:
    """Whether the uuid stands in the chunk, at a record's start, and was received at or after `oldest_s`."""
    at = chunk.find(uuid, _HEADER)
    while at >= 0:
        if (at - _HEADER) % _RECORD == 0 and _SECONDS.unpack_from(chunk, at + 16)[0] >= oldest_s:
            return True
        at = chunk.find(uuid, at + 1)
    return False


def _sealed_key(hot_key: bytes, number: int) -> bytes:
    return b"s" + number.to_bytes(2) + hot_key[1:]


class Sweep:
    """Forgets distinct ids that sent nothing for a whole window: a few per commit, so that it is never felt.

    An id that writes again tidies up after itself; this is for those that never do.
    """

    KEYS_PER_STEP = 500
    """At 7 commits a second a million idle ids are looked through in five minutes."""

    def __init__(self, rules: DedupRules) -> None:
        self._rules = rules
        self._left: list[bytes] = []
        self._next_round_s = 0

    def step(
        self, items: Callable[[], Iterator[tuple[bytes, bytes]]], read: Read, oldest_s: int
    ) -> dict[bytes, bytes | None]:
        """Changes that remove what was received before `oldest_s`; `read` sees uncommitted changes too."""
        if not self._left:
            if oldest_s < self._next_round_s:
                return {}
            self._next_round_s = oldest_s + self._rules.window_s // 24
            self._left = [key for key, _ in items() if key.startswith(b"d")]
        some, self._left = self._left[-self.KEYS_PER_STEP :], self._left[: -self.KEYS_PER_STEP]
        changes: dict[bytes, bytes | None] = {}
        for key in some:
            hot = read(key)
            if hot is not None and _newest_s(hot) < oldest_s:
                first, end = _SEALED.unpack_from(hot)
                changes[key] = None
                changes.update({_sealed_key(key, number): None for number in range(first, end)})
        return changes


def _newest_s(chunk: bytes) -> int:
    return max((_SECONDS.unpack_from(chunk, at + 16)[0] for at in range(_HEADER, len(chunk), _RECORD)), default=0)
