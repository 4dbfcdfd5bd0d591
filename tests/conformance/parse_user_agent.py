"""How far parse_user_agent says what the test files of uap-core say."""

import json
from pathlib import Path
from typing import Any

from transforms.testing import made, opened

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

_FILE = json.loads((Path(__file__).parents[1] / "vectors" / "parse_user_agent.json").read_text())
SOURCE: str = _FILE["source"]
VERSION: str = _FILE["version"]
LICENCE: str = _FILE["licence"]
_NEWER_RULES = "the rules of today say more, or spell it otherwise, than the stored version of the test file"
DEVIATIONS = {
    "browser of Mozilla/5.0 (Windows NT 5.1) AppleWebKit/535.11 (KHTML, like Gecko) Chrome/17.0.963.15 Safari/535.11 "
    "QQBrowser/6.13.13719.201": _NEWER_RULES,
    "browser of Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; WOW64; Trident/6.0; "
    "QQBrowser/7.6.21433.400)": _NEWER_RULES,
    "browser of Twitterbot/1.0": _NEWER_RULES,
    "os of Mozilla/5.0 (Windows; U; Win95; en-GB; rv:1.0.1) Gecko/20020823 Netscape/7.0": _NEWER_RULES,
    "os of Mozilla/5.0 (WindowsCE 6.0; rv:2.0.1) Gecko Firefox/5.0.1": _NEWER_RULES,
}

_NAMES = {
    "browser": ("$browser", "$browser_version"),
    "os": ("$os", "$os_version"),
    "device": ("$device", "$device_brand", "$device_model"),
}


def results() -> list[tuple[str, bool]]:
    """Each agent with each of browser, system and device that a test file tells of it."""
    transform = made("parse_user_agent")
    answers: list[tuple[str, bool]] = []
    for vector in _FILE["vectors"]:
        result: Any = transform(opened({"properties": {"$raw_user_agent": vector["agent"]}}))
        for kind, names in _NAMES.items():
            if kind in vector:
                said = [result.properties.get(name) for name in names]
                answers.append((f"{kind} of {vector['agent']}", said == vector[kind]))
    return answers
