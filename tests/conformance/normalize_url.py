"""Addresses of one meaning in one spelling, against the examples of RFC 3986."""

import json
from pathlib import Path

from transforms.testing import run

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = json.loads((Path(__file__).parents[1] / "vectors" / "normalize_url.json").read_text())
SOURCE: str = _FILE["source"]
VERSION: str = _FILE["version"]
LICENCE: str = _FILE["licence"]
DEVIATIONS = {"6.2.3 mailto:Joe@Example.COM": "a mail address is no page: only scheme://… is touched"}


def results() -> list[tuple[str, bool]]:
    """Every address, and whether it is spelled as expected."""
    return [
        (f"{vector['section']} {vector['address']}", _normal(vector["address"]) == vector["expected"])
        for vector in _FILE["vectors"]
    ]


def _normal(address: str) -> str:
    after: str = run("normalize_url", {"properties": {"$current_url": address}}).get("$current_url")
    return after
