"""Only properties that somebody named are stored."""

from collections.abc import Collection
from typing import Any

from schemas.event_parts import Part, rewritten
from schemas.property_paths import GONE, kept, paths_of
from schemas.standing import has_other, other_than
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["KeepProperties"]

_NESTED = frozenset({dict, list})


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Which: names, paths such as `user.plan`, patterns such as `utm_*`.")]
    parts: Annotated[tuple[Part, ...], about("Where in the event everything else is removed.", min_length=1)] = (
        "properties",
        "$set",
        "$set_once",
    )
    needed: Annotated[
        tuple[str, ...],
        about("Stays in the properties as well, unless an object or a list: who it was, and in which visit."),
    ] = (
        "$anon_distinct_id",
        "alias",
        "$session_id",
        "$process_person_profile",
    )

    def __post_init__(self) -> None:
        paths_of((*self.properties, *self.needed))


class KeepProperties(Transform[Config]):
    """Keep the properties that you name, and remove all others: what a sender adds later is not stored unasked.

    A path keeps what it names, with all that is inside, and of the objects and lists around it nothing else:
    `guests.name` leaves a list of guests with their names. `*` stands for any characters of a name. A property whose
    name has dots in it is found as well.

    Headrace itself reads four properties to tell people and visits apart. They stay unless you give another list in
    `needed`; without them, nobody is recognized after logging in. Everything else that begins with `$` has to be named.
    Names in `$unset` stay unless you list that part.
    """

    name = "keep_properties"
    Config = Config
    privacy = True
    examples = (
        Example(
            says="Named ones, some inside of a list; what identity needs stays",
            config={"properties": ["plan", "utm_*", "guests.name"]},
            before={
                "event": "$identify",
                "properties": {
                    "$anon_distinct_id": "laptop-7f3a",
                    "$ip": "93.184.216.34",
                    "plan": "pro",
                    "utm_source": "news",
                    "guests": [{"name": "Bob", "phone": "+1"}],
                },
                "$set": {"email": "ada@example.com", "plan": "pro"},
            },
            after={
                "properties": {
                    "$anon_distinct_id": "laptop-7f3a",
                    "plan": "pro",
                    "utm_source": "news",
                    "guests": [{"name": "Bob"}],
                },
                "$set": {"plan": "pro"},
            },
        ),
        Example(
            says="Not even the session of the sender",
            config={"properties": ["plan"], "needed": ["$anon_distinct_id", "alias"], "parts": ["properties"]},
            before={"properties": {"$session_id": "s1", "plan": "pro"}, "$set": {"name": "Ada"}},
            after={"properties": {"plan": "pro"}, "$set": {"name": "Ada"}},
        ),
    )

    def open(self) -> None:
        self._properties = paths_of((*self.config.properties, *self.config.needed))
        self._person = paths_of(self.config.properties)
        self._needed = paths_of(self.config.needed)
        self._of_event = frozenset(self.config.parts) & {"properties"}
        self._of_person = frozenset(self.config.parts) - {"properties"}

        self._other = other_than(self._properties.tops or ())
        person = self._person.tops or ()
        self._only_plain = [name for name in self.config.needed if name not in person]

    def reads(self) -> Collection[str] | None:
        return self._properties.tops

    def __call__(self, event: OpenEvent) -> Result:
        result = self._kept(event) if self._of_event else event
        of = event._of
        if not (of.set or of.set_once or of.unset or event._changed):
            return result
        return rewritten(result, self._of_person, lambda content: kept(content, self._person), self._unset)

    def _kept(self, event: OpenEvent) -> OpenEvent:
        """Of an event that certainly has other properties, no more is read than what may stay."""
        tops, text, new = self._properties.tops, event._of.properties, event._new
        removed = new is not None and any(value is GONE for value in new.values())
        in_part = event._properties is None and not removed and tops is not None and event._covers(tops)
        if tops is None or not in_part or not has_other(text, self._other):
            return rewritten(event, self._of_event, self._left)
        content = {name: value for name, value in event._some(tops).items() if name in tops}
        if self._properties.names is None or any(type(content.get(name)) in _NESTED for name in self._only_plain):
            left = self._left(content)
            content = content if left is None else left
        return event._with_properties(content)

    def _left(self, content: dict[str, Any]) -> dict[str, Any] | None:
        """The properties that stay; None where all do."""
        found = kept(content, self._properties)
        left = content if found is None else found
        large = [name for name in self._needed.found(left) if isinstance(left[name], dict | list)]
        for name in large:
            # What is needed is a text, a number or a word: anything else could hold whatever a sender likes.
            own = kept({name: content[name]}, self._person)
            if own is None:
                continue
            if left is content:
                left = dict(content)
            left.update(own)
            if name not in own:
                del left[name]
        return None if left is content else left

    def _unset(self, name: str) -> str | None:
        return name if self._person.below(name) is not None else None
