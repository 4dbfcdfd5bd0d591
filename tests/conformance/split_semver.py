"""How far split_semver takes versions apart as node-semver and semver.org do."""

import json
from pathlib import Path
from typing import Any

from transforms.testing import made, opened

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = json.loads((Path(__file__).parents[1] / "vectors" / "split_semver.json").read_text())
SOURCE: str = _FILE["source"]
VERSION: str = _FILE["version"]
LICENCE: str = _FILE["licence"]
DEVIATIONS = {
    "semver.org: 99999999999999999999999.999999999999999999.99999999999999999": (
        "numbers above 2**53 - 1 are refused, as node-semver does: readers of JSON would change them"
    ),
}

_NAMES = ("v_major", "v_minor", "v_patch", "v_prerelease", "v_build")


def results() -> list[tuple[str, bool]]:
    """Each version with its five parts, or with none where it is no version."""
    transform = made("split_semver", {"properties": ["v"]})
    answers: list[tuple[str, bool]] = []
    for vector in _FILE["vectors"]:
        result: Any = transform(opened({"properties": {"v": vector["version"]}}))
        said = [result.properties.get(name) for name in _NAMES]
        answers.append((f"{vector['from']}: {vector['version']}", said == (vector["parts"] or [None] * 5)))
    return answers
