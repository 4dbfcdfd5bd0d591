"""From a YAML file and the environment to `Settings`, strictly: what cannot work refuses to start and names its line.

headrace.yaml          sections and keys as in docs/configuration.md
${NAME}                in any text: the environment variable NAME
${file:/run/secret}    in any text: the first line of that file
HEADRACE_A__B=value    overrides the key b of section a; HEADRACE_A=value the top-level key a
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pipeline.configuration_rules import broken_rules
from pipeline.connection import NOTHING_RUNS
from pipeline.conversion import converted, is_section, item_section
from pipeline.runfile import RunFile, embedded_settings
from pipeline.settings import Settings
from pipeline.yaml_lines import YamlText, read_yaml
from schemas.outcomes import ConfigError, Retry

__all__ = ["load", "connected", "parse", "examine", "DEFAULT_NAME"]

DEFAULT_NAME = "headrace.yaml"
PREFIX = "HEADRACE_"


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this folder: a file, or what is running here, or the embedded default. Raises ConfigError.

    The file is `path`, else the environment variable HEADRACE_CONFIG, else headrace.yaml. Without `headrace up` the
    embedded default has no addresses: `connected` refuses that.
    """
    return _sole(examine(path, environ))


def connected(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings, for a command that needs what they name. Raises ConfigError, and Retry when nothing runs here."""
    settings = load(path, environ)
    if not settings.broker.bootstrap:
        raise Retry(NOTHING_RUNS)
    return settings


def parse(text: str, name: str, environ: Mapping[str, str]) -> Settings:
    """The settings a YAML text describes; `name` is what errors call it. Raises ConfigError."""
    return _sole(_understood(read_yaml(text, name, environ), environ))


def examine(
    path: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Settings | None, list[ConfigError]]:
    """The settings, or everything that is wrong with them. Raises ConfigError when there is no such file."""
    environ = os.environ if environ is None else environ
    named = path or (Path(environ["HEADRACE_CONFIG"]) if environ.get("HEADRACE_CONFIG") else None)
    if named is None and Path(DEFAULT_NAME).exists():
        named = Path(DEFAULT_NAME)
    if named is None:
        return _understood(YamlText("", {"broker": {"embedded": True}}), environ)
    return _understood(read_yaml(_text_of(named), str(named), environ), environ)


def _sole(found: tuple[Settings | None, list[ConfigError]]) -> Settings:
    settings, problems = found
    if settings is None or problems:
        more = f" (and {len(problems) - 1} more: headrace lint lists them)" if len(problems) > 1 else ""
        raise ConfigError(problems[0].message + more, problems[0].where)
    return settings


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot be read: {reason}; correct --config", str(path)) from problem


def _understood(text: YamlText, environ: Mapping[str, str]) -> tuple[Settings | None, list[ConfigError]]:
    content = _overridden(text, environ)
    found = converted(content, Settings, (), lambda path, said: _note(text, path, said))
    if text.problems:
        return None, text.problems
    for path, said in broken_rules(found):
        text.problems.append(ConfigError(said, text.line_of(path)))
    return found, text.problems


def _note(text: YamlText, path: tuple[str, ...], said: str) -> None:
    text.problems.append(ConfigError(f"{'.'.join(path)}: {said}" if path else said, text.line_of(path)))


def _overridden(text: YamlText, environ: Mapping[str, str]) -> dict[str, Any]:
    """The content, over the embedded default where it is asked for, under what the environment says."""
    given: dict[str, Any] = {}
    for variable, value in sorted(environ.items()):
        path = _path_of(variable)
        if not path:
            continue
        for count in range(1, len(path)):
            text.lines.setdefault(path[:count], variable)
        text.lines[path] = variable
        if not _put(given, path, value):
            text.problems.append(ConfigError(f"{'.'.join(path)} is not a section and a key", variable))
    content = _merged(text.content, given)
    broker = content.get("broker")
    if not isinstance(broker, dict) or str(broker.get("embedded", "")).lower() not in ("true", "1"):
        return content
    running = RunFile.read()
    content = _merged(msgspec.to_builtins(embedded_settings(running)), text.content)
    if running is not None:
        content = _merged(content, _addresses(running))
    return _merged(content, given)


def _addresses(running: RunFile) -> dict[str, Any]:
    """What `headrace up` chose, whatever the file says: there is no other embedded broker here."""
    return {
        "log_epoch": running.log_epoch,
        "broker": {"bootstrap": running.bootstrap},
        "clickhouse": {"url": running.clickhouse_url},
    }


def _path_of(variable: str) -> tuple[str, ...]:
    """The key a variable overrides; none when it is not a setting's, like HEADRACE_HOME."""
    if not variable.startswith(PREFIX):
        return ()
    path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
    return path if len(path) > 1 or path[0] in _plain_keys() else ()


def _plain_keys() -> set[str]:
    fields = msgspec.structs.fields(Settings)
    return {field.name for field in fields if not is_section(field.type) and item_section(field.type) is None}


def _put(content: dict[str, Any], path: tuple[str, ...], value: str) -> bool:
    """Set a key; False when a plain value stands where a section would have to be."""
    place: Any = content
    for key in path[:-1]:
        place = place.setdefault(key, {})
        if not isinstance(place, dict):
            return False
    place[path[-1]] = value
    return True


def _merged(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, section by section; what is over wins. Lists are replaced, not joined."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict | None):
            result[key] = _merged(below or {}, value)
        elif not (value is None and isinstance(below, dict)):
            result[key] = value
    return result
