"""Properties that must not be stored leave the event here."""

from collections.abc import Collection

from schemas.event_parts import Part, revalued_at
from schemas.property_paths import GONE, paths_of
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["FilterProperties"]


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Which: names, paths such as `user.email`, patterns such as `pii_*`.")]
    parts: Annotated[tuple[Part, ...], about("Where in the event they are removed.", min_length=1)] = (
        "properties",
        "$set",
        "$set_once",
    )

    def __post_init__(self) -> None:
        if not self.properties:
            raise ValueError("properties is empty: name at least one to remove")
        paths_of(self.properties)


class FilterProperties(Transform[Config]):
    """Remove properties by name, and keep all others.

    A path goes through objects and through every item of a list: `users.email` is the email of each user, and
    `users.0.email` that of the first. `*` stands for any characters of a name, `*` alone for any name. A property whose
    name has dots in it is found as well. What a path names goes with all that is inside; the object around it stays,
    also when nothing is left in it.

    Names in `$unset` stay unless you list that part: an event that removes such a property from a person does what
    you want.
    """

    name = "filter_properties"
    Config = Config
    privacy = True
    examples = (
        Example(
            says="By name, by pattern, and inside of a list",
            config={"properties": ["email", "pii_*", "guests.phone"]},
            before={
                "properties": {
                    "email": "ada@example.com",
                    "pii_iban": "DE00",
                    "guests": [{"name": "Bob", "phone": "+1"}],
                    "plan": "pro",
                },
                "$set": {"email": "ada@example.com"},
            },
            after={"properties": {"guests": [{"name": "Bob"}], "plan": "pro"}, "$set": {}},
        ),
        Example(
            says="Only what would be remembered of the person",
            config={"properties": ["email"], "parts": ["$set", "$set_once", "$unset"]},
            before={"properties": {"email": "ada@example.com"}, "$set": {"email": "ada@example.com", "plan": "pro"}},
            after={"properties": {"email": "ada@example.com"}, "$set": {"plan": "pro"}},
        ),
    )

    def open(self) -> None:
        self._paths = paths_of(self.config.properties)
        self._renamed = self._unset if "$unset" in self.config.parts else None

    def reads(self) -> Collection[str] | None:
        return self._paths.tops

    def __call__(self, event: OpenEvent) -> Result:
        return revalued_at(event, self.config.parts, self._paths, _gone, self._renamed)

    def _unset(self, name: str) -> str | None:
        below = self._paths.below(name)
        return None if below is not None and below.ends else name


def _gone(_: object) -> object:
    return GONE
