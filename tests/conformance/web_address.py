"""How addresses are taken apart, against the vectors that browsers are tested with.

Compared are the parts; how a part is percent-encoded is not: events keep the spelling that was sent.
"""

import json
from pathlib import Path
from typing import Any

from schemas.percent_encoding import percent_decoded
from schemas.web_address import parsed_address, without_dot_segments

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = json.loads((Path(__file__).parents[1] / "vectors" / "web_address.json").read_text())
SOURCE: str = _FILE["source"]
VERSION: str = _FILE["version"]
LICENCE: str = _FILE["licence"]
_SINCE_2021 = "the standard has since made it a failure: a host that ends in a number must be an address"
DEVIATIONS = {
    "http://0..0x300/": _SINCE_2021,
    "http://256.256.256.256.256": _SINCE_2021,
    "http://0177.0.0.0189": _SINCE_2021,
    "http://example.org/test?a#b\x00c": "the standard has since kept NUL in a fragment",
    "https://faß.ExAmPlE/": "Python's IDNA of 2003 takes ß for ss",
}


def results() -> list[tuple[str, bool]]:
    """Every address, and whether its parts are those expected."""
    return [(vector["address"], _parts(vector["address"]) == _expected(vector)) for vector in _FILE["vectors"]]


def _parts(address: str) -> list[str] | None:
    found = parsed_address(address)
    if found is None:
        return None
    path = without_dot_segments(found.path.replace("\\", "/"))
    search = f"?{found.query}" if found.query else ""
    fragment = f"#{found.fragment}" if found.fragment else ""
    return [f"{found.scheme}:", found.host, found.port, *map(percent_decoded, (path, search, fragment))]


def _expected(vector: dict[str, Any]) -> list[str] | None:
    if vector.get("failure"):
        return None
    exact = [vector[name] for name in ("protocol", "hostname", "port")]
    return [*exact, *(percent_decoded(vector[name]) for name in ("pathname", "search", "hash"))]
