"""From a YAML file and the environment to `Settings`, strictly: what cannot work refuses to start and names its line.

headrace.yaml          sections and keys as in docs/configuration.md
${NAME}                in any text: the environment variable NAME
${file:/run/secret}    in any text: the first line of that file
HEADRACE_A__B=value    overrides the key b of section a
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pipeline.runfile import RunFile, embedded_settings
from pipeline.settings import Settings
from schemas.outcomes import ConfigError

__all__ = ["load", "parse", "DEFAULT_NAME"]

DEFAULT_NAME = "headrace.yaml"
PREFIX = "HEADRACE_"
NOT_SETTINGS = frozenset({"HEADRACE_CONFIG", "HEADRACE_HOME", "HEADRACE_CACHE", "HEADRACE_KEEP_RUNNING"})
_REFERENCE = re.compile(r"\$\{(file:)?([^}]+)\}")
_AT = re.compile(r" - at `\$?\.?([^`]*)`")
Lines = dict[tuple[str, ...], str]


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this folder: a file, or what is running here, or the embedded default. Raises ConfigError."""
    environ = os.environ if environ is None else environ
    named = path or (Path(environ["HEADRACE_CONFIG"]) if environ.get("HEADRACE_CONFIG") else None)
    if named is None and Path(DEFAULT_NAME).exists():
        named = Path(DEFAULT_NAME)
    if named is not None:
        return parse(_text_of(named), str(named), environ)
    base = msgspec.to_builtins(embedded_settings(RunFile.read()))
    return _converted(base, {}, environ)


def parse(text: str, name: str, environ: Mapping[str, str]) -> Settings:
    """The settings a YAML text describes; `name` is what errors call it. Raises ConfigError."""
    lines: Lines = {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = {} if root is None else _plain(root, (), lines, name, environ)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"this is not YAML: {getattr(problem, 'problem', problem)}", where) from problem
    if not isinstance(content, dict):
        raise ConfigError("a configuration is a mapping of sections; see docs/configuration.md", name)
    return _converted(content, lines, environ, name)


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as problem:
        raise ConfigError(f"cannot be read: {problem.strerror}; correct --config", str(path)) from problem


def _plain(node: Any, path: tuple[str, ...], lines: Lines, name: str, environ: Mapping[str, str]) -> Any:
    """The node as plain values, with the line of every path noted and references resolved."""
    where = f"{name}:{node.start_mark.line + 1}"
    lines[path] = where
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in found:
                raise ConfigError(f"the key {key!r} stands here twice", f"{name}:{key_node.start_mark.line + 1}")
            found[key] = _plain(value_node, (*path, key), lines, name, environ)
            lines[(*path, key)] = f"{name}:{key_node.start_mark.line + 1}"
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, str(index)), lines, name, environ) for index, item in enumerate(node.value)]
    value = yaml.SafeLoader("").construct_object(node)
    return _resolved(value, where, environ) if isinstance(value, str) else value


def _resolved(text: str, where: str, environ: Mapping[str, str]) -> str:
    def value_of(found: re.Match[str]) -> str:
        if found[1]:
            try:
                return Path(found[2]).read_text().splitlines()[0]
            except (OSError, IndexError) as problem:
                raise ConfigError(f"the file {found[2]} gives no value: {problem}", where) from problem
        if found[2] not in environ:
            raise ConfigError(f"the environment variable {found[2]} is not set; set it or write the value", where)
        return environ[found[2]]

    return _REFERENCE.sub(value_of, text)


def _converted(content: dict[str, Any], lines: Lines, environ: Mapping[str, str], name: str = "") -> Settings:
    for variable, value in sorted(environ.items()):
        if variable.startswith(PREFIX) and "__" in variable and variable not in NOT_SETTINGS:
            path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
            _put(content, path, value, variable)
            lines[path] = variable
    for plain in ("APP", "LOG_EPOCH", "LOG_LEVEL", "REGISTRY"):
        if f"{PREFIX}{plain}" in environ:
            content[plain.lower()] = environ[f"{PREFIX}{plain}"]
    try:
        settings = msgspec.convert(content, Settings, strict=False)
    except msgspec.ValidationError as problem:
        raise _named(problem, lines, name) from problem
    _check(settings, lines, name)
    return settings


def _put(content: dict[str, Any], path: tuple[str, ...], value: str, variable: str) -> None:
    place = content
    for key in path[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            raise ConfigError(f"{'.'.join(path)} is not a section and a key", variable)
    place[path[-1]] = value


def _named(problem: msgspec.ValidationError, lines: Lines, name: str) -> ConfigError:
    """The error with the line it is about; msgspec gives the path."""
    text = str(problem)
    found = _AT.search(text)
    path = tuple(part for part in re.split(r"[.\[\]]+", found[1] if found else "") if part)
    unknown = re.search(r"unknown field `([^`]+)`", text)
    if unknown:
        path = (*path, unknown[1])
    message = _AT.sub("", text)
    if unknown:
        message = f"{unknown[1]!r} is not a setting; docs/configuration.md lists them"
    while path and path not in lines:
        path = path[:-1]
    return ConfigError(f"{'.'.join(path)}: {message}" if path else message, lines.get(path, name))


def _check(settings: Settings, lines: Lines, name: str) -> None:
    """What the types cannot say."""
    seen: dict[str, int] = {}
    for index, project in enumerate(settings.projects):
        for token in project.tokens:
            where = lines.get(("projects", str(index)), name)
            if not token.isascii() or not 0 < len(token) <= settings.limits.token_bytes:
                raise ConfigError(f"a token must be 1 to {settings.limits.token_bytes} ASCII characters", where)
            if seen.setdefault(token, project.id) != project.id:
                raise ConfigError(f"projects {seen[token]} and {project.id} share a token; give each its own", where)
    if settings.store.kind not in ("memory", "rocksdb"):
        raise ConfigError("store.kind is memory or rocksdb", lines.get(("store", "kind"), name))
    for key, count in (
        ("partitions", settings.topics.partitions),
        ("raw_partitions", settings.topics.raw_partitions),
    ):
        if not 1 <= count <= 1024:
            raise ConfigError(f"topics.{key} must be 1 to 1024", lines.get(("topics", key), name))
    kinds = {destination.kind for destination in settings.destinations}
    if kinds - {"clickhouse"}:
        raise ConfigError("a destination's kind is clickhouse", lines.get(("destinations",), name))
