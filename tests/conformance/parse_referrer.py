"""Where visits come from, against the tests of Snowplow's referer-parser."""

import json
from pathlib import Path

from transforms.testing import made, opened

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = json.loads((Path(__file__).parents[1] / "vectors" / "parse_referrer.json").read_text())
SOURCE: str = _FILE["source"]
VERSION: str = _FILE["version"]
LICENCE: str = _FILE["licence"]
DEVIATIONS = {"Yieldr": "an old test expects no name for a source that has one"}


def results() -> list[tuple[str, bool]]:
    """Every referrer, and whether its medium, source and term are those expected."""
    transform = made("parse_referrer")
    found = []
    for vector in _FILE["vectors"]:
        properties = {"$referrer": vector["referrer"], "$current_url": _FILE["page"]}
        after = transform(opened({"properties": properties}))
        said = [after.get(f"$referrer_{name}") for name in ("medium", "source", "term")]
        found.append((vector["label"], said == [vector["medium"], vector["source"], vector["term"]]))
    return found
