"""HMAC-SHA-256 by the vectors of its RFC, and the canonical JSON that is hashed by those of its own."""

import struct
from typing import Any

from schemas.canonical_json import canonical
from tests.conformance import vectors
from transforms.hash_properties import KEY_BYTES_MIN, keyed_hash
from transforms.testing import run

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = vectors("hash_properties")
SOURCE, VERSION, LICENCE = str(_FILE["source"]), str(_FILE["version"]), str(_FILE["licence"])
_NO_NUMBER = "NaN and Infinity are no JSON and no event can hold them; the RFC wants an error, here they are null"
DEVIATIONS = {
    "RFC 8785, appendix B, 7fffffffffffffff": _NO_NUMBER,
    "RFC 8785, appendix B, 7ff0000000000000": _NO_NUMBER,
}


def results() -> list[tuple[str, bool]]:
    """Every vector, and whether it passes."""
    return [(vector["label"], _passes(vector)) for vector in _FILE["vectors"]]


def _passes(vector: dict[str, Any]) -> bool:
    if "hmac" in vector:
        key, data = bytes.fromhex(vector["key"]), bytes.fromhex(vector["data"])
        digits = len(vector["hmac"])
        return keyed_hash(key, data)[:digits] == vector["hmac"] and _through(key, data, digits) in (
            None,
            vector["hmac"],
        )
    if "ieee" in vector:
        [number] = struct.unpack(">d", bytes.fromhex(vector["ieee"]))
        return canonical(number) == vector["text"]
    return canonical(vector["input"]) == vector["output"]


def _through(key: bytes, data: bytes, digits: int) -> Any:
    """The same by the whole transformation; None where key or data cannot stand in a configuration or an event."""
    try:
        config = {"key": key.decode(), "properties": ["value"], "length": digits}
        value = data.decode()
    except UnicodeDecodeError:
        return None
    if len(key) < KEY_BYTES_MIN:
        return None
    return run("hash_properties", {"properties": {"value": value}}, config).properties["value"]
