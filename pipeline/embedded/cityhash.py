"""CityHash128 as ClickHouse uses it for checksums: version 1.0.2, which later versions of CityHash differ from.

After Google's CityHash by Geoff Pike and Jyrki Alakuijala (MIT license). About 0.1 s a megabyte: only clients that
ask for ClickHouse's own compression pay for it.
"""

import struct

__all__ = ["cityhash128"]

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_K0, _K1, _K2, _K3 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F, 0xC949D7C7509E6557
_MULTIPLIER = 0x9DDFEA08EB382D69
_Pair = tuple[int, int]


def cityhash128(data: bytes) -> bytes:
    """The 16 bytes that stand before a compressed block of these bytes."""
    size = len(data)
    assert size >= 8, "a block's header alone has nine bytes"
    if size >= 16:
        seed = (_word(data, 0) ^ _K3, _word(data, 8))
        rest = data[16:]
        found = _long(rest, seed) if len(rest) >= 128 else _short(rest, seed)
    else:
        found = _short(b"", (_word(data, 0) ^ (size * _K0 & _MASK), _word(data, size - 8) ^ _K1))
    return struct.pack("<QQ", *found)


def _long(data: bytes, seed: _Pair) -> _Pair:
    """128 bytes or more: seven numbers of state over pieces of 64 bytes, taken in pairs."""
    size = len(data)
    x, y = seed
    z = size * _K1 & _MASK
    v0 = _turned(y ^ _K1, 49) * _K1 + _word(data, 0) & _MASK
    v1 = _turned(v0, 42) * _K1 + _word(data, 8) & _MASK
    w0 = _turned(y + z & _MASK, 35) * _K1 + x & _MASK
    w1 = _turned(x + _word(data, 88) & _MASK, 53) * _K1 & _MASK
    whole = size // 128 * 128
    for piece in struct.iter_unpack("<8Q", data[:whole]):
        x = _turned(x + y + v0 + piece[2] & _MASK, 37) * _K1 & _MASK ^ w1
        y = _turned(y + v1 + piece[6] & _MASK, 42) * _K1 & _MASK ^ v0
        z = _turned(z ^ w0, 33)
        v0, v1 = _weak(piece[:4], v1 * _K1, x + w0)
        w0, w1 = _weak(piece[4:], z + w1, y)
        z, x = x, z
    y = y + _turned(w0, 37) * _K0 + z & _MASK
    x = x + _turned(v0 + z & _MASK, 49) * _K0 & _MASK
    return _tail(data, size - whole, (x, y, v0, v1, w0, w1))


def _tail(data: bytes, left: int, state: tuple[int, int, int, int, int, int]) -> _Pair:
    """Up to four pieces of 32 bytes, from the end backwards, then the state folded into two numbers."""
    x, y, v0, v1, w0, w1 = state
    for done in range(32, left + 32, 32):
        piece = struct.unpack_from("<4Q", data, len(data) - done)
        y = _turned(y - x & _MASK, 42) * _K0 + v1 & _MASK
        w0 = w0 + piece[2] & _MASK
        x = _turned(x, 49) * _K0 + w0 & _MASK
        w0 = w0 + v0 & _MASK
        v0, v1 = _weak(piece, v0, v1)
    x, y = _folded(x, v0), _folded(y, w0)
    return _folded(x + v1, w1) + y & _MASK, _folded(x + w1, y + v1)


def _short(data: bytes, seed: _Pair) -> _Pair:
    """Fewer than 128 bytes."""
    a, b = seed
    size = len(data)
    if size <= 16:
        a = _mixed(a * _K1) * _K1 & _MASK
        c = b * _K1 + _shortest(data) & _MASK
        d = _mixed(a + (_word(data, 0) if size >= 8 else c))
    else:
        c = _folded(_word(data, size - 8) + _K1, a)
        d = _folded(b + size, c + _word(data, size - 16))
        a = a + d & _MASK
        for start in range(0, size - 16, 16):
            a = (a ^ _mixed(_word(data, start) * _K1) * _K1 & _MASK) * _K1 & _MASK
            b ^= a
            c = (c ^ _mixed(_word(data, start + 8) * _K1) * _K1 & _MASK) * _K1 & _MASK
            d ^= c
    a, b = _folded(a, c), _folded(d, b)
    return a ^ b, _folded(b, a)


def _shortest(data: bytes) -> int:
    """At most 16 bytes as one number."""
    size = len(data)
    if size > 8:
        last = _word(data, size - 8)
        return _folded(_word(data, 0), _turned(last + size & _MASK, size)) ^ last
    if size >= 4:
        first, last = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, size - 4)[0]
        return _folded(size + (first << 3), last)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[-1] << 2)
        return _mixed(y * _K2 ^ z * _K3) * _K2 & _MASK
    return _K2


def _weak(words: tuple[int, ...], a: int, b: int) -> _Pair:
    a += words[0]
    b = _turned(b + a + words[3] & _MASK, 21)
    c = a
    a += words[1] + words[2]
    return a + words[3] & _MASK, b + _turned(a & _MASK, 44) + c & _MASK


def _folded(low: int, high: int) -> int:
    low, high = low & _MASK, high & _MASK
    a = _mixed((low ^ high) * _MULTIPLIER)
    b = _mixed((high ^ a) * _MULTIPLIER)
    return b * _MULTIPLIER & _MASK


def _mixed(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _turned(value: int, places: int) -> int:
    return (value >> places | value << (64 - places)) & _MASK


def _word(data: bytes, at: int) -> int:
    word: int = struct.unpack_from("<Q", data, at)[0]
    return word
