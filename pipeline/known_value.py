"""The layout of what resolve knows of a distinct id: one value of bytes under one state key.

    head 75 · recent uuids 20 each (pipeline/dedupe.py) · older sessions 16 each (pipeline/sessions.py)

The head has fields of fixed places, so that the heads of a whole batch are one array (pipeline/known.py); numbers are
big-endian. `sessions` counts the newest, which stands in the head with its id, and the older ones. `first_s` is when
the first uuid was received. `created` is the earliest event that is not personless; a flag says whether there was one.
The person is the computed one, with version -1, until identify has named another.
"""

from collections.abc import Sequence
from struct import Struct

import msgspec
import numpy
from numpy.typing import NDArray

from pipeline.dedupe import EMPTY, RECORD_BYTES, SEALED_BYTES
from pipeline.uuid_columns import uuids5
from schemas.identifiers import PERSONS, uuid5

__all__ = [
    "CREATED",
    "DESCRIBED",
    "HEAD",
    "HEAD_BYTES",
    "IDENTIFIED",
    "INTERVAL",
    "MAPPED",
    "KnownId",
    "all_unknown",
    "computed_person",
    "described",
    "heads_of",
    "in_pieces",
    "is_own_person",
    "known_key",
    "mapped",
    "person_of",
    "read_value",
    "unknown",
    "written",
]

CREATED, MAPPED, IDENTIFIED, DESCRIBED = 1, 2, 4, 8
HEAD = numpy.dtype(
    [
        ("flags", "u1"),
        ("sessions", ">u2"),
        ("sealed", ">u4"),
        ("first_s", ">u4"),
        ("created", ">i8"),
        ("version", ">i8"),
        ("person", "V16"),
        ("start", ">i8"),
        ("end", ">i8"),
        ("session", "V16"),
    ]
)
_HEAD = Struct(">BH4sIqq16sqq16s")
HEAD_BYTES = _HEAD.size
_BEGUN = HEAD_BYTES - 32
INTERVAL = slice(_BEGUN, _BEGUN + 16)
"""The newest session's start and end, as they stand among the older ones later."""
_NEVER_S = 0xFFFFFFFF
"""`first_s` where no uuid is known: nothing has expired."""
_UNKNOWN = _HEAD.pack(0, 0, EMPTY, _NEVER_S, 0, -1, bytes(16), 0, 0, bytes(16))
_PERSON = _BEGUN - 16
_SECONDS = slice(16, RECORD_BYTES)


class KnownId(msgspec.Struct, gc=False):
    """A value taken apart."""

    flags: int
    created: int
    version: int
    person: bytes
    sessions: bytes
    """Intervals in order, the newest last: the state of pipeline/sessions.py."""
    session: bytes
    """The id of the newest."""
    recent: bytes
    """The newest chunk of pipeline/dedupe.py."""


def unknown(key: bytes) -> bytes:
    """The value of an id that nothing is known of, by its state key."""
    return _UNKNOWN[:_PERSON] + computed_person(key) + _UNKNOWN[_PERSON + 16 :]


def all_unknown(keys: Sequence[bytes]) -> list[bytes]:
    """What `unknown` gives for each: of many at a third of the cost, of one at nine times as much."""
    heads = numpy.frombuffer(_UNKNOWN * len(keys), HEAD).copy()
    heads["person"] = uuids5(PERSONS, keys)
    return in_pieces(heads)


def read_value(value: bytes) -> KnownId:
    """The parts of a value."""
    flags, count, sealed, _, created, version, person, _, _, session = _HEAD.unpack_from(value)
    cut = len(value) - 16 * (count - 1) if count else len(value)
    sessions = value[cut:] + value[INTERVAL] if count else b""
    return KnownId(flags, created, version, person, sessions, session, sealed + value[HEAD_BYTES:cut])


def heads_of(values: Sequence[bytes]) -> NDArray[numpy.void]:
    """The heads of values as one array, not to be written to."""
    return numpy.frombuffer(b"".join([value[:HEAD_BYTES] for value in values]), HEAD)


def in_pieces(rows: NDArray[numpy.void]) -> list[bytes]:
    """The bytes of each row: at a fifth of the cost of slices of them all."""
    pieces: list[bytes] = rows.view(f"V{rows.itemsize}").tolist()
    return pieces


def written(known: KnownId) -> bytes:
    """The value with these parts."""
    sessions, records = known.sessions, known.recent[SEALED_BYTES:]
    newest = sessions[-16:] or bytes(16)
    head = _HEAD.pack(
        known.flags,
        len(sessions) // 16,
        known.recent[:SEALED_BYTES],
        int.from_bytes(records[_SECONDS]) if records else _NEVER_S,
        known.created,
        known.version,
        known.person,
        int.from_bytes(newest[:8], signed=True),
        int.from_bytes(newest[8:], signed=True),
        known.session,
    )
    return head + records + sessions[:-16]


def mapped(key: bytes, value: bytes | None, person: bytes, identified: bool, version: int) -> bytes | None:
    """What is known after identify has named the person; None if it knew a newer or the same version already."""
    known = read_value(value or unknown(key))
    if known.flags & MAPPED and known.version >= version:
        return None
    known.flags = known.flags & (CREATED | DESCRIBED) | MAPPED | (IDENTIFIED if identified else 0)
    known.person, known.version = person, version
    return written(known)


def described(key: bytes, value: bytes | None) -> bytes:
    """What is known after properties of the person became known."""
    value = value or unknown(key)
    return bytes((value[0] | DESCRIBED,)) + value[1:]


def person_of(key: bytes, value: bytes | None) -> tuple[bytes, int, int]:
    """The person of the id with this state key, the version of its mapping, and when it was created.

    -1 is the version of an id that was never mapped; 0 the time of one that has sent nothing but personless events.
    """
    if not value:
        return computed_person(key), -1, 0
    head = _HEAD.unpack_from(value)
    return head[6], head[5], head[4]


def is_own_person(key: bytes, value: bytes | None) -> bool:
    """Whether the id with this state key belongs to its computed person."""
    return not value or not value[0] & MAPPED or person_of(key, value)[0] == computed_person(key)


def known_key(key: bytes) -> bytes:
    """Where it stands, by the state key of the distinct id."""
    return b"d" + key


def computed_person(key: bytes) -> bytes:
    """The person of a distinct id that nobody has merged, by its state key; see `person_id` in schemas/identifiers.py.

    For an id that is known it stands in the value.
    """
    return uuid5(PERSONS, key)
