"""Which transformations there are: built in, of installed packages, and of files that the configuration names.

An installed package offers its own in the entry point group `headrace.transforms`; it is imported only when its
name is used. A file is imported when the configuration is read, whatever it defines counts.
"""

import hashlib
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec

from schemas.outcomes import ConfigError
from transforms.interface import Transform, TransformConfig
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
    """All there are, by name.

    Raises ConfigError for a file that cannot be imported, a name that two files define, and one that takes the place
    of what protects privacy and does not itself.
    """

    def __init__(self, files: list[str]) -> None:
        self._of_files: dict[str, Offered] = {}
        for offered in (offered for file in files for offered in _of_file(file)):
            name = offered.kind.name
            if name in self._of_files:
                both = " and ".join(sorted({self._of_files[name].origin, offered.origin}))
                raise ConfigError(f"there are two transformations {name!r} in `plugins`, in {both}: rename one of them")
            self._of_files[name] = offered
            _check_privacy(offered, name, self._installed(name) if not offered.kind.privacy else None)

    @cached_property
    def _points(self) -> Mapping[str, list[EntryPoint]]:
        """Of all installed packages; looked for when a name is, as that opens a file of each."""
        found: dict[str, list[EntryPoint]] = defaultdict(list)
        for point in entry_points(group=GROUP):
            found[point.name].append(point)
        return found

    def names(self) -> list[str]:
        """In alphabetical order."""
        return sorted({*BUILT_IN, *self._points, *self._of_files})

    def names_of(self, file: str) -> list[str]:
        """Those that a file defines, in alphabetical order."""
        return sorted(name for name, offered in self._of_files.items() if offered.origin == file)

    def find(self, name: str) -> Offered | None:
        """The one of this name: a file's before a package's, and that before a built-in one.

        Raises ConfigError for one that cannot be imported, that two packages offer, or that takes the place of what
        protects privacy and does not itself.
        """
        return self._of_files.get(name) or self._installed(name)

    def _installed(self, name: str) -> Offered | None:
        """A package's, else the built-in one."""
        points = self._points.get(name, [])
        if not points:
            return _built_in(name)
        if len(points) > 1:
            both = " and ".join(sorted(_origin(point) for point in points))
            raise ConfigError(f"there are two transformations {name!r}, of the packages {both}: uninstall one of them")
        offered = _of_package(points[0])
        _check_privacy(offered, name, _built_in(name) if not offered.kind.privacy else None)
        return offered


def _built_in(name: str) -> Offered | None:
    if name not in BUILT_IN:
        return None
    try:
        # Not `get`: a KeyError of the import itself would look as if there were none of this name.
        kind = BUILT_IN[name]
    except (Exception, SystemExit) as problem:
        raise ConfigError(f"the built-in transformation {name!r} cannot be imported: {problem!r}") from problem
    return Offered(kind, kind.version, "built in")


def _check_privacy(offered: Offered, name: str, hidden: Offered | None) -> None:
    """What protects privacy is replaced by nothing less."""
    if hidden is not None and hidden.kind.privacy and not offered.kind.privacy:
        raise ConfigError(
            f"{name!r} of {offered.origin} takes the place of what protects privacy ({hidden.origin}): give it another "
            "name, or set privacy = True in its class if it protects as well"
        )


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


def _of_package(point: EntryPoint) -> Offered:
    package, origin = point.dist, _origin(point)
    try:
        kind = point.load()
    except (Exception, SystemExit) as problem:
        raise ConfigError(f"the plugin {point.name!r} of {origin} cannot be imported: {problem!r}") from problem
    _check(kind, f"{point.name!r} of {origin}")
    return Offered(kind, package.version if package else kind.version, origin)


def _of_file(file: str) -> list[Offered]:
    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"there is no file {file}: correct `plugins`")
    # Two files in different folders may have one name.
    name = f"headrace_plugin_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:
        del sys.modules[name]
        raise ConfigError(f"{file} cannot be imported: {problem!r}") from problem
    kinds = list(dict.fromkeys(value for value in vars(module).values() if _is_own(value, name)))
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
    if not (isinstance(kind.Config, type) and issubclass(kind.Config, TransformConfig)):
        raise ConfigError(f"the `Config` of {kind.__name__} ({whose}) is no TransformConfig: derive it from that")
