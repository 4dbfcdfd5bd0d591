"""Version numbers by the rules of semver.org (2.0.0), taken apart so that they can be filtered and sorted by."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["SplitSemver"]

VERSION_CHARS_MAX = 256
"""As node-semver: what is longer is no version."""
NUMBER_MAX = 2**53 - 1
"""As node-semver: what is greater, many readers of JSON would change."""
VERSIONS_KEPT = 4_096
"""How many versions a worker remembers: some 3 MB; an application has hundreds."""

_NUMBER = r"(0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"v?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?"
)


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Which properties hold versions.")] = ("$app_version",)
    separator: Annotated[str, about("What stands between such a name and major, minor, … in the new names.")] = "_"
    partial: Annotated[bool, about("Also read 2 and 2.1, which semver does not allow.")] = False


class SplitSemver(Transform[Config]):
    """Take version numbers apart: 2.1.0-rc.1+build.7 into major, minor, patch, prerelease and build.

    Of `$app_version` it makes `$app_version_major`, `_minor` and `_patch` (numbers), `_prerelease` and `_build`
    (texts, only where there are any); the property itself stays. What is no version by semver.org, apart from a
    leading `v` and spaces around it, is left alone: nothing is guessed. With `partial`, 2 and 2.1 are read as well,
    and what is missing stays missing. Properties of these names are replaced.
    """

    name = "split_semver"
    Config = Config
    examples = (
        Example(
            says="All five parts",
            config={"properties": ["version"]},
            before={"properties": {"version": "v2.1.0-rc.1+build.7"}},
            after={
                "properties": {
                    "version": "v2.1.0-rc.1+build.7",
                    "version_major": 2,
                    "version_minor": 1,
                    "version_patch": 0,
                    "version_prerelease": "rc.1",
                    "version_build": "build.7",
                }
            },
        ),
        Example(
            says="Two numbers, as telephones write it",
            config={"partial": True},
            before={"properties": {"$app_version": "17.5"}},
            after={"properties": {"$app_version": "17.5", "$app_version_major": 17, "$app_version_minor": 5}},
        ),
    )

    def open(self) -> None:
        self._parts = lru_cache(maxsize=VERSIONS_KEPT)(self._read)

    def reads(self) -> Collection[str]:
        return self.config.properties

    def gives(self) -> Collection[str]:
        return [
            f"{name}{self.config.separator}{part}" for name in self.config.properties for part in (*_NAMES, *_TEXTS)
        ]

    def __call__(self, event: OpenEvent) -> Result:
        new: dict[str, Any] = {}
        for name in self.config.properties:
            value = event.get(name)
            if isinstance(value, str) and len(value) <= VERSION_CHARS_MAX:
                parts = self._parts(name, value)
                # True is 1 in Python, but not in JSON.
                new.update(
                    {
                        part: said
                        for part, said in parts.items()
                        if (sent := event.get(part)) != said or type(sent) is not type(said)
                    }
                )
        return event.adding(new)

    def _read(self, name: str, text: str) -> dict[str, Any]:
        """The new properties; none where the text is no version."""
        found = _VERSION.fullmatch(text.strip())
        if found is None:
            return {}
        *numbers, prerelease, build = found.groups()
        whole = all(numbers)
        if not whole and (not self.config.partial or prerelease or build):
            return {}
        said = {part: int(number) for part, number in zip(_NAMES, numbers, strict=True) if number}
        if any(number > NUMBER_MAX for number in said.values()):
            return {}
        texts = {part: value for part, value in zip(_TEXTS, (prerelease, build), strict=True) if value}
        return {f"{name}{self.config.separator}{part}": value for part, value in {**said, **texts}.items()}


_NAMES = ("major", "minor", "patch")
_TEXTS = ("prerelease", "build")
