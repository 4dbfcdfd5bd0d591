"""State values of any size: one that would not fit into a message is kept in parts under keys of their own.

Most values are small and stand under their key as they are. A large one is cut into parts; under its own key stands how
many there are, behind a byte that no value of ours begins with.
"""

from collections.abc import Callable

__all__ = ["PART_BYTES", "in_parts", "opened", "put"]

Read = Callable[[bytes], bytes | None]

PART_BYTES = 1_000_000
"""Of 8 MiB that a message may have: a change of a large value writes all its parts, side by side with others."""
_PARTS = b"\xc1"
"""msgpack never uses this byte (its specification, "formats"), and the values are msgpack."""


def opened(read: Read, key: bytes, stored: bytes | None) -> bytes | None:
    """The value of a key under which `stored` stands, its parts put together."""
    if stored is None or not stored.startswith(_PARTS):
        return stored
    return b"".join([read(_part(key, number)) or b"" for number in range(_count(stored))])


def put(changes: dict[bytes, bytes | None], key: bytes, stored: bytes | None, value: bytes | None) -> None:
    """Add the changes that make `value` (None: remove it) of the key under which `stored` stands."""
    before = _count(stored) if stored is not None and stored.startswith(_PARTS) else 0
    if value is None or len(value) <= PART_BYTES:
        now = 0
        changes[key] = value
    else:
        now = -(-len(value) // PART_BYTES)
        changes[key] = _PARTS + now.to_bytes(4)
        for number in range(now):
            changes[_part(key, number)] = value[number * PART_BYTES : (number + 1) * PART_BYTES]
    for number in range(now, before):
        changes[_part(key, number)] = None


def in_parts(key: bytes, stored: bytes) -> bool:
    """Whether this is one of several keys that hold a value together."""
    return stored.startswith(_PARTS) or b"\x00" in key


def _count(value: bytes) -> int:
    return int.from_bytes(value[1:])


def _part(key: bytes, number: int) -> bytes:
    """No distinct id has a NUL, and all keys of people are of one length."""
    return b"%b\x00%b" % (key, number.to_bytes(4))
