"""How far geoip says of an address what MaxMind's published records say of it."""

import json
from pathlib import Path
from typing import Any

from transforms.geoip import read_database
from transforms.testing import Fixed, made, opened

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_VECTORS = Path(__file__).parents[1] / "vectors"
_FILE = json.loads((_VECTORS / "geoip.json").read_text())
SOURCE: str = _FILE["source"]
VERSION: str = _FILE["version"]
LICENCE: str = _FILE["licence"]
DEVIATIONS: dict[str, str] = {}


def results() -> list[tuple[str, bool]]:
    """Each network of the three test databases, with all that is said of its first address."""
    files = {vector["file"] for vector in _FILE["vectors"]}
    transforms = {
        file: made(
            "geoip",
            {"database": file, "prefix": ""},
            {"database": Fixed(read_database(str(_VECTORS / "geoip" / file)))},
        )
        for file in files
    }
    answers: list[tuple[str, bool]] = []
    for vector in _FILE["vectors"]:
        result: Any = transforms[vector["file"]](opened({"properties": {"$ip": vector["address"]}}))
        said = {name: value for name, value in result.properties.items() if name != "$ip"}
        answers.append((f"{vector['address']} in {vector['file']}", said == vector["expected"]))
    return answers
