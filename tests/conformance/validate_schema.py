"""JSON Schema by its official test suite: each instance as a property of an event, under the schema of the suite."""

from schemas.open_event import OpenEvent
from tests.conformance import vectors
from transforms.testing import made, opened

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = vectors("validate_schema")
SOURCE, VERSION, LICENCE = str(_FILE["source"]), str(_FILE["version"]), str(_FILE["licence"])
DEVIATIONS: dict[str, str] = {}


def results() -> list[tuple[str, bool]]:
    """Every vector, and whether it passes."""
    found = []
    for group in _FILE["vectors"]:
        step = made("validate_schema", {"schemas": {"*": {"properties": {"value": group["schema"]}}}})
        for about, value, valid in group["tests"]:
            passes = isinstance(step(opened({"properties": {"value": value}})), OpenEvent)
            found.append((f"{group['about']}: {about}", passes == valid))
    return found
