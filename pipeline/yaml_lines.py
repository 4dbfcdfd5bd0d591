"""Reads YAML and keeps, for every key, the file and line it stands on, so that an error can point there.

Any text may refer to a value from outside: `${NAME}` to the environment, `${file:/path}` to the first line of a file.
What is wrong is collected, not raised: whoever corrects a file wants to hear of everything at once.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from schemas.outcomes import ConfigError

__all__ = ["YamlText", "read_yaml"]

_REFERENCE = re.compile(r"\$\{(file:)?([^}]+)\}")


class YamlText(msgspec.Struct):
    """What a text says. `lines` maps the path of every key to `file:line`; the empty path is the whole."""

    name: str
    content: dict[str, Any] = {}
    lines: dict[tuple[str, ...], str] = {}
    problems: list[ConfigError] = []

    def line_of(self, path: tuple[str, ...]) -> str:
        """The place of a key, or of the nearest section around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.name) if path else self.name


def read_yaml(text: str, name: str, environ: Mapping[str, str]) -> YamlText:
    """The content with references resolved; `name` is what errors call the text."""
    found = YamlText(name)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = {} if root is None else _Reader(found, environ).plain(root, ())
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        found.problems.append(ConfigError(f"this is not YAML: {getattr(problem, 'problem', problem)}", where))
        return found
    if isinstance(content, dict):
        found.content = content
    else:
        message = "a configuration is a mapping of sections; see docs/configuration.md"
        found.problems.append(ConfigError(message, name))
    return found


class _Reader:
    def __init__(self, found: YamlText, environ: Mapping[str, str]) -> None:
        self._found = found
        self._environ = environ
        self._scalars = yaml.SafeLoader("")

    def plain(self, node: Any, path: tuple[str, ...]) -> Any:
        """The node as plain values."""
        where = self._where(node)
        self._found.lines.setdefault(path, where)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*path, str(index))) for index, item in enumerate(node.value)]
        value = self._scalars.construct_object(node)
        return self._resolved(value, where) if isinstance(value, str) else value

    def _mapping(self, node: Any, path: tuple[str, ...]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in content:
                self._problem(f"the key {key!r} stands here twice", self._where(key_node))
                continue
            self._found.lines[(*path, key)] = self._where(key_node)
            content[key] = self.plain(value_node, (*path, key))
        return content

    def _resolved(self, text: str, where: str) -> str:
        def value_of(reference: re.Match[str]) -> str:
            if reference[1]:
                try:
                    return Path(reference[2]).read_text().splitlines()[0]
                except (OSError, IndexError, UnicodeDecodeError) as problem:
                    self._problem(f"the file {reference[2]} gives no value: {problem}", where)
            elif reference[2] in self._environ:
                return self._environ[reference[2]]
            else:
                self._problem(f"the environment variable {reference[2]} is not set; set it or write the value", where)
            return ""

        return _REFERENCE.sub(value_of, text)

    def _where(self, node: Any) -> str:
        return f"{self._found.name}:{node.start_mark.line + 1}"

    def _problem(self, message: str, where: str) -> None:
        self._found.problems.append(ConfigError(message, where))
