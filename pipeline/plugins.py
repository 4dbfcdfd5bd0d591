"""Which transformations there are: built in, of installed packages, and of files that the configuration names.

An installed package offers its own in the entry point group `headrace.transforms`; it is imported only when its
name is used. A file is imported when the configuration is read, whatever it defines counts.
"""

import importlib.util
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec

from schemas.outcomes import ConfigError
from transforms.interface import Transform
from transforms.registry import BUILT_IN

__all__ = ["GROUP", "Offered", "Offers"]

GROUP = "headrace.transforms"
Kind = type[Transform[Any]]


class Offered(msgspec.Struct, frozen=True):
    """A transformation and where it comes from."""

    kind: Kind
    version: str
    """Of the package it came in, else its own."""
    origin: str
    """`built in`, the package's name, or the file."""

    @property
    def label(self) -> str:
        """What is recorded with the events it changed."""
        return f"{self.kind.name}@{self.version}"


class Offers:
    """All there are, by name. Raises ConfigError for a file that cannot be imported."""

    def __init__(self, files: list[str]) -> None:
        self._points = {point.name: point for point in entry_points(group=GROUP)}
        self._of_files: dict[str, Offered] = {}
        for file in files:
            self._of_files.update({offered.kind.name: offered for offered in _of_file(file)})

    def names(self) -> list[str]:
        """In alphabetical order."""
        return sorted({*BUILT_IN, *self._points, *self._of_files})

    def names_of(self, file: str) -> list[str]:
        """Those that a file defines, in alphabetical order."""
        return sorted(name for name, offered in self._of_files.items() if offered.origin == file)

    def find(self, name: str) -> Offered | None:
        """The one of this name: a file's before a package's, and that before a built-in one. Raises ConfigError."""
        if name in self._of_files:
            return self._of_files[name]
        if name in self._points:
            return _of_package(self._points[name])
        kind = BUILT_IN.get(name)
        return Offered(kind, kind.version, "built in") if kind else None


def _of_package(point: EntryPoint) -> Offered:
    package = point.dist
    origin = package.name if package else point.module
    try:
        kind = point.load()
    except Exception as problem:
        raise ConfigError(f"the plugin {point.name!r} of {origin} cannot be imported: {problem!r}") from problem
    _check(kind, f"{point.name!r} of {origin}")
    return Offered(kind, package.version if package else kind.version, origin)


def _of_file(file: str) -> list[Offered]:
    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"there is no file {file}: correct `plugins`")
    name = f"headrace_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as problem:
        raise ConfigError(f"{file} cannot be imported: {problem!r}") from problem
    kinds = [value for value in vars(module).values() if _is_own(value, name)]
    if not kinds:
        raise ConfigError(f"{file} defines no transformation: `headrace transform new NAME` writes one")
    for kind in kinds:
        _check(kind, file)
    return [Offered(kind, kind.version, file) for kind in kinds]


def _is_own(value: Any, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Transform) and value.__module__ == module


def _check(kind: Any, whose: str) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Transform)):
        raise ConfigError(f"the plugin {whose} is no Transform: derive its class from transforms.interface.Transform")
    for name in ("name", "Config"):
        if not hasattr(kind, name):
            raise ConfigError(f"the transformation {kind.__name__} ({whose}) lacks `{name}`")
