"""Names in another spelling, against the tests of lodash and change-case."""

import json
from pathlib import Path
from typing import Any

from transforms.testing import run

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = json.loads((Path(__file__).parents[1] / "vectors" / "rename_events.json").read_text())
SOURCE: str = _FILE["source"]
VERSION: str = _FILE["version"]
LICENCE: str = _FILE["licence"]
_UNDERSCORE = "change-case keeps a number apart with an underscore unless told otherwise; we write it as lodash does"
_EMPTY = "lodash answers with nothing, which is no name: ours stays as it was"
DEVIATIONS = {
    "change-case: version 1.2.10 camel": _UNDERSCORE,
    "change-case: version 1.2.10 pascal": _UNDERSCORE,
    "change-case: version 1.21.0 camel": _UNDERSCORE,
    "change-case: version 1.21.0 pascal": _UNDERSCORE,
    "change-case: TestV2 camel split": _UNDERSCORE,
    "change-case: TestV2 pascal split": _UNDERSCORE,
    "change-case: Foo12019Bar camel split": _UNDERSCORE,
    "change-case: Foo12019Bar pascal split": _UNDERSCORE,
    "change-case: aNumber2in camel split": _UNDERSCORE,
    "change-case: aNumber2in pascal split": _UNDERSCORE,
    "change-case: V1Test with separateNumbers camel split": _UNDERSCORE,
    "change-case: V1Test with separateNumbers pascal split": _UNDERSCORE,
    "lodash: × snake split": _EMPTY,
    "lodash: ÷ snake split": _EMPTY,
}


def results() -> list[tuple[str, bool]]:
    """Every name, and whether it is spelled as expected."""
    return [(_label(vector), _renamed(vector) == vector["expected"]) for vector in _FILE["vectors"]]


def _label(vector: dict[str, Any]) -> str:
    option = f" ({vector['option']})" if "option" in vector else ""
    return f"{vector['library']}: {vector['name']} {vector['case']}" + " split" * vector["split_numbers"] + option


def _renamed(vector: dict[str, Any]) -> str:
    config = {"case": vector["case"], "split_numbers": vector["split_numbers"]}
    renamed: str = run("rename_events", {"event": vector["name"]}, config).event
    return renamed
