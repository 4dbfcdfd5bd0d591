"""Version-5 uuids of many names at once: half of the cost of one after the other (schemas/identifiers.py)."""

import hashlib
from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from schemas.identifiers import SESSIONS

__all__ = ["session_uuids", "uuids5"]


def uuids5(namespace: bytes, names: Sequence[bytes]) -> NDArray[numpy.void]:
    """The 16 bytes of each."""
    begun = hashlib.sha1(namespace, usedforsecurity=False).copy
    digests = []
    for name in names:
        digest = begun()
        digest.update(name)
        digests.append(digest.digest())
    found = numpy.frombuffer(b"".join(digests), numpy.uint8).reshape(len(names), 20)[:, :16].copy()
    found[:, 6] = found[:, 6] & 0x0F | 0x50
    found[:, 8] = found[:, 8] & 0x3F | 0x80
    return found.view("V16").reshape(len(names))


def session_uuids(keys: Sequence[bytes], starts: Sequence[int]) -> NDArray[numpy.void]:
    """The ids of the sessions of these state keys that begin then; see `session_uuid` in pipeline/sessions.py."""
    return uuids5(SESSIONS, [b"%d:%s" % (start, key) for start, key in zip(starts, keys, strict=True)])
