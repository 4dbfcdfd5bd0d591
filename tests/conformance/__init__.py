"""How the transformations do on the public test data of their fields: one module each, and a page made of them.

A module has the texts SOURCE, VERSION and LICENCE, a function `results()` with a label and whether it passed for every
vector, and where not all pass, DEVIATIONS: the reason for each label that does not.
"""

import json
from pathlib import Path
from typing import Any

__all__ = ["vectors"]

VECTORS = Path(__file__).parents[1] / "vectors"


def vectors(name: str) -> dict[str, Any]:
    """The vendored data of a transformation: source, version, licence, vectors."""
    found: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return found
