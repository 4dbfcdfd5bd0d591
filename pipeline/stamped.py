"""The registers of one distinct id by property, and the rule by which two of them are joined: the extreme in time."""

import msgspec

__all__ = ["Register", "Registers", "Stamped", "decode_registers", "encode_registers", "join_register"]


class Stamped(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A value with the event that gave it. `value` is JSON as sent; None where the event took the value away."""

    timestamp: int
    uuid: bytes
    value: bytes | None


class Register(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One property: the latest `$set` or `$unset`, and the earliest `$set_once`. The first counts if it exists."""

    latest: Stamped | None = None
    earliest: Stamped | None = None
    weight: int = 0
    """Bytes of the largest value that was ever sent for it: what it counts for, so that no order can change that."""


Registers = dict[str, Register]

_encode = msgspec.msgpack.Encoder(order="sorted").encode
_REGISTERS = msgspec.msgpack.Decoder(Registers)


def encode_registers(registers: Registers) -> bytes:
    """Msgpack, in order of the names, so that equal registers are equal bytes; no bytes for none."""
    return _encode(registers) if registers else b""


def decode_registers(registers: bytes) -> Registers:
    """What `encode_registers` wrote. Raises msgspec.DecodeError for anything else."""
    return _REGISTERS.decode(registers) if registers else {}


def join_register(registers: Registers, name: str, new: Register) -> bool:
    """Join one property in; returns whether that changed it.

    Written for speed: mostly a newer `$set` replaces an older one, or a repeated `$set_once` changes nothing.
    """
    old = registers.get(name)
    if old is not None:
        latest, earliest = new.latest, new.earliest
        if old.latest is not None:
            latest = old.latest if latest is None else _later(old.latest, latest)
        if old.earliest is not None:
            earliest = old.earliest if earliest is None else _earlier(old.earliest, earliest)
        if latest is old.latest and earliest is old.earliest and new.weight <= old.weight:
            return False
        new = Register(latest, earliest, max(old.weight, new.weight))
    registers[name] = new
    return True


def _later(known: Stamped, new: Stamped) -> Stamped:
    if known.timestamp != new.timestamp:
        return known if known.timestamp > new.timestamp else new
    return max(known, new, key=_rank)


def _earlier(known: Stamped, new: Stamped) -> Stamped:
    if known.timestamp != new.timestamp:
        return known if known.timestamp < new.timestamp else new
    return min(known, new, key=_rank)


def _rank(one: Stamped) -> tuple[int, bytes, bool, bytes]:
    """By event; two ids may share a uuid, so then by content: unset above set, then the bytes."""
    return one.timestamp, one.uuid, one.value is None, one.value or b""
