"""What a transformation is: the one page that its author reads.

    class Config(TransformConfig, frozen=True):
        properties: Annotated[tuple[str, ...], about("Names of the properties to shorten.")]

    class ShortenTexts(Transform[Config]):
        \"\"\"Cut long texts, so that they can be grouped by.\"\"\"

        def __call__(self, event: OpenEvent) -> Result:
            ...

A transformation is called with one event at a time and answers with one: the same (nothing to do), another
(`event.adding(...)`, `event.replace(...)`), a `Rejected` (kept with its original, counted) or a `Dropped` (counted).
It has no clock, does no input or output and keeps nothing from one event to the next: events of one person arrive at
any worker, twice after a crash, and in any order. What must be remembered of a person belongs into its properties
(`$set_once`), which the path keeps right in any order; what must be looked up is declared in `lookups`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from schemas.event import Dropped, Rejected, RejectionCode
from schemas.open_event import OpenEvent

__all__ = [
    "DROPPED",
    "Annotated",
    "DataFile",
    "Dropped",
    "Example",
    "Given",
    "Lookup",
    "LookupSource",
    "OpenEvent",
    "Rejected",
    "RejectionCode",
    "Result",
    "Transform",
    "TransformConfig",
    "about",
    "is_secret",
    "refused",
]

Result = OpenEvent | Rejected | Dropped
DROPPED = Dropped("")
"""What a transformation answers to leave an event out; the engine counts it under the transformation's name."""


def refused(message: str, code: RejectionCode = RejectionCode.REFUSED_BY_TRANSFORM) -> Rejected:
    """What a transformation answers to reject an event: say what is wrong with it and what to do; never a secret."""
    return Rejected(code, message)


class TransformConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A transformation's configuration: immutable, and a misspelt key is an error. Raise ValueError in
    `__post_init__` for what no type says."""

    def __repr__(self) -> str:
        """Without secrets: configurations end up in tracebacks."""
        fields = msgspec.structs.fields(type(self))
        shown = [f"{field.name}={'…' if is_secret(field) else repr(getattr(self, field.name))}" for field in fields]
        return f"{type(self).__qualname__}({', '.join(shown)})"


def about(description: str, *, secret: bool = False, **limits: Any) -> msgspec.Meta:
    """What a field of a configuration means, with its limits as in msgspec.Meta (ge, le, min_length, …).

    A secret may only be given as `${NAME}` or `${file:/path}`, and is shown nowhere.
    """
    return msgspec.Meta(description=description, extra={"secret": True} if secret else None, **limits)


def is_secret(field: msgspec.structs.FieldInfo) -> bool:
    """Whether a field was declared with `about(..., secret=True)`."""
    metas = getattr(field.type, "__metadata__", ())
    return any(isinstance(meta, msgspec.Meta) and (meta.extra or {}).get("secret") for meta in metas)


class LookupSource(msgspec.Struct, frozen=True):
    """Something outside that a transformation needs: a file, or an address to fetch it from, again and again."""

    place: str
    """The path of a file or a folder, or an http or https URL."""
    read: Callable[[str], Any]
    """Turns the file into what the transformation asks; called with a path when it starts and when the file changes.
    Raises ValueError with what is wrong in it."""


class Lookup(Protocol):
    """What was read of a source. Ask for `value` at every event: it is replaced when the source changes."""

    value: Any


class Given(Protocol):
    """Properties to ask for by their names: an event, or as much of it as has been read."""

    def get(self, name: str, otherwise: Any = None, /) -> Any:
        """A property's value."""


ConfigT = TypeVar("ConfigT", bound=TransformConfig)


class Transform(Generic[ConfigT]):
    """One verb. Its docstring begins the page about it; `Config` is the struct of its configuration."""

    name: ClassVar[str]
    """What `use` says in the configuration: the file's name, a verb in snake case."""
    Config: ClassVar[type[TransformConfig]]
    version: ClassVar[str] = "1"
    """Raised when the same configuration gives another result; recorded with every event it changed."""
    privacy: ClassVar[bool] = False
    """It keeps something from being stored: where it fails, the event is rejected and never passes."""
    persons: ClassVar[bool] = False
    """`$set` and `$set_once` it treats as it does the properties: where `additions` has nothing to add to them either,
    `__call__` would leave them as they are."""
    examples: ClassVar[tuple["Example", ...]] = ()
    """Shown on its page, and run by the tests."""

    def __init__(self, config: ConfigT, lookups: Mapping[str, Lookup]) -> None:
        self.config = config
        self.lookups = lookups
        self.open()

    @classmethod
    def sources(cls, config: ConfigT) -> Mapping[str, LookupSource]:
        """What the shell has to read before the first event, by the names in `lookups`."""
        return {}

    def open(self) -> None:
        """Whatever is worth doing once, before the first event. Raises ValueError for what cannot work."""

    def close(self) -> None:
        """After the last event."""

    def data(self) -> tuple["DataFile", ...]:
        """Lists and rules that it goes by and that age, for `headrace lint` to say how old they are."""
        return ()

    def reads(self) -> Collection[str] | None:
        """The properties that it asks for with `event.get`, or None: it may look at all of them.

        Where all steps of a project say it, no others are decoded, which is most of what transformations cost. It may
        ask for others all the same, and pays for it; but a guard of privacy must not decide by what it does not name.
        """
        return None

    def gives(self) -> Collection[str]:
        """The properties that it adds and that `reads` does not name: they are decoded once it asks for one of them."""
        return ()

    def additions(self, given: Given) -> Mapping[str, Any] | None:
        """What it adds to an event's properties or puts in place of what they have; nothing where it has nothing to do.

        A transformation that does no more than that has this in place of `__call__`, and costs a third less. Mostly it
        is handed a dict of what `reads` names, which it must leave as it is; where it answers with another name, it is
        asked again about the whole event. One that does more now and then has both, and answers None where `__call__`
        has to decide, as it does about all events with `$set`, `$set_once` or `$unset`, unless `persons` is true.
        """
        raise NotImplementedError

    def __call__(self, event: OpenEvent) -> Result:
        """What becomes of the event."""
        return event.adding(self.additions(event) or {})


class DataFile(msgspec.Struct, frozen=True):
    """A list or rules that somebody keeps, and that are of less use the older they are."""

    name: str
    """What it is, and how it is renewed: a package, or a file."""
    version: str
    made_on: str
    """ISO 8601 date."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, an event before and after. What is not named of an event is not part of the example."""

    says: str
    """In a sentence: what it shows."""
    config: Mapping[str, Any] = {}
    before: Mapping[str, Any]
    """`event`, `distinct_id`, `properties`, `$set`, `$set_once` as a sender gives them."""
    after: Mapping[str, Any] | None
    """Likewise; None where the event is dropped or rejected."""
    outcome: str = ""
    """`dropped` or `rejected` where there is no event after."""
