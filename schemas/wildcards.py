"""Patterns as people write them, `*` for any characters, as regular expressions that take time in proportion."""

import re

__all__ = ["wildcard_expression"]


def wildcard_expression(pattern: str) -> str:
    """To be matched whole (fullmatch), with re.DOTALL. Senders choose the texts: `.*a.*b.*c` would take the cube of
    their length to say no. What stands between two stars is found once, where it comes first, and never again."""
    first, *rest = pattern.split("*")
    if not rest:
        return re.escape(first)
    *between, last = rest
    found = (f"(?>.*?{re.escape(part)})" for part in between if part)
    return f"{re.escape(first)}{''.join(found)}.*{re.escape(last)}"
