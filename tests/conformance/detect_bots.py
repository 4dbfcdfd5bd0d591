"""How far detect_bots finds what the list crawler-user-agents gives as instances of each of its patterns."""

from importlib.metadata import version
from typing import Any

import crawleruseragents

from transforms.testing import made, opened

__all__ = ["DEVIATIONS", "LICENCE", "SOURCE", "VERSION", "results"]

SOURCE = "monperrus/crawler-user-agents: `instances` of crawler-user-agents.json"
VERSION = version("crawler-user-agents")
LICENCE = "MIT"
DEVIATIONS: dict[str, str] = {}


def results() -> list[tuple[str, bool]]:
    """Each instance, which must be told a bot with a name."""
    transform = made("detect_bots")
    answers: list[tuple[str, bool]] = []
    for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA:
        for agent in entry["instances"]:
            result: Any = transform(opened({"properties": {"$raw_user_agent": agent}}))
            found = result.properties.get("$is_bot") is True and bool(result.properties.get("$bot_name"))
            answers.append((f"{entry['pattern']}: {agent}", found))
    return answers
