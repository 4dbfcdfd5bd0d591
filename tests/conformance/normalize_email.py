"""How far normalize_email writes addresses as UID2 asks, hash included, and domains as UTS 46 says."""

import hashlib
import json
from pathlib import Path
from typing import Any

from transforms.testing import made, opened

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = json.loads((Path(__file__).parents[1] / "vectors" / "normalize_email.json").read_text())
SOURCE: str = _FILE["source"]
VERSION: str = _FILE["version"]
LICENCE: str = _FILE["licence"]
DEVIATIONS: dict[str, str] = {}


def results() -> list[tuple[str, bool]]:
    """Each address in its normal form, with its hash where it is published; or refused where it is none."""
    transform = made("normalize_email", {"gmail_dots": True, "gmail_suffix": True, "invalid": "remove"})
    answers: list[tuple[str, bool]] = []
    for vector in _FILE["vectors"]:
        result: Any = transform(opened({"properties": {"email": vector["email"]}}))
        said = result.properties.get("email")
        hashed = vector["sha256"] is None or hashlib.sha256(said.encode()).hexdigest() == vector["sha256"]
        answers.append((f"{vector['from']}: {vector['email']}", said == vector["normalized"] and hashed))
    return answers
