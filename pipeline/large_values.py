"""State values of any size: one that would not fit into a message is kept in parts under keys of their own.

Most values are small and stand under their key as they are. A large one is cut into parts; under its own key stands how
many there are, behind a byte that no value of ours begins with.
"""

from collections.abc import Callable

__all__ = ["PART_BYTES", "parted", "whole"]

Read = Callable[[bytes], bytes | None]

PART_BYTES = 1_000_000
"""Of 8 MiB that a message may have: a change of a large value writes all its parts, side by side with others."""
_PARTS = b"\xc1"
"""msgpack never uses this byte (its specification, "formats"), and the values are msgpack."""


def whole(read: Read, key: bytes) -> bytes | None:
    """The value of a key, its parts put together."""
    value = read(key)
    if value is None or value[:1] != _PARTS:
        return value
    return b"".join(read(_part(key, number)) or b"" for number in range(_count(value)))


def parted(read: Read, key: bytes, value: bytes | None) -> dict[bytes, bytes | None]:
    """The changes that make `value` the key's value (None: remove it). `read` sees what is there before."""
    there = read(key)
    before = _count(there) if there and there[:1] == _PARTS else 0
    if value is None or len(value) <= PART_BYTES:
        parts = []
        changes: dict[bytes, bytes | None] = {key: value}
    else:
        parts = [value[at : at + PART_BYTES] for at in range(0, len(value), PART_BYTES)]
        changes = {key: _PARTS + len(parts).to_bytes(4)}
    changes.update({_part(key, number): part for number, part in enumerate(parts)})
    changes.update({_part(key, number): None for number in range(len(parts), before)})
    return changes


def _count(value: bytes) -> int:
    return int.from_bytes(value[1:])


def _part(key: bytes, number: int) -> bytes:
    """No distinct id and no person's key has a NUL."""
    return b"%b\x00%b" % (key, number.to_bytes(4))
