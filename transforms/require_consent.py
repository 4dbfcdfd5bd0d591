"""Nothing passes without the consent of whom it is about."""

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from schemas.event_parts import ValuePart, revalued_at
from schemas.property_paths import GONE, paths_of
from transforms.interface import (
    DROPPED,
    Annotated,
    Example,
    LookupSource,
    OpenEvent,
    Result,
    Transform,
    TransformConfig,
    about,
)

__all__ = ["RequireConsent"]

_PARTS: tuple[ValuePart, ...] = ("properties", "$set", "$set_once")
_GRANTED = "granted"
"""How Google's consent mode says yes."""
_LIST = "consents"


class Config(TransformConfig, frozen=True):
    purposes: Annotated[tuple[str, ...], about("What must be consented to, all of it.", min_length=1)]
    consent: Annotated[
        str, about("The property that holds the purposes granted; dots lead into objects (`consent.granted`).")
    ] = "consent"
    action: Annotated[
        Literal["drop", "strip"], about("What happens without it: the event goes, or only what `remove` names.")
    ] = "drop"
    remove: Annotated[
        tuple[str, ...],
        about(
            "For `strip`: what goes, also from `$set` and `$set_once`: names, paths such as `user.email`, patterns "
            "such as `pii_*`."
        ),
    ] = ()
    absent_is: Annotated[
        Literal["denied", "granted"], about("What it means that nothing is said of consent at all.")
    ] = "denied"
    file: Annotated[
        str,
        about(
            "A file or address with the consent of those whose events say nothing: JSON, distinct id → purposes "
            "granted, in any form that the property may have."
        ),
    ] = ""

    def __post_init__(self) -> None:
        if self.action == "strip" and not self.remove:
            raise ValueError("`strip` needs to know what to remove: name the properties in `remove`")
        if self.action == "drop" and self.remove:
            raise ValueError("`remove` is for `action: strip`: `drop` leaves nothing to remove from")
        paths_of(self.remove)


class RequireConsent(Transform[Config]):
    """Leave out events, or properties of them, unless all required purposes were consented to.

    The consent may be a list of purposes, a text with commas between them, or an object whose keys are the purposes
    granted if their value is true (or `granted`, as Google's consent mode writes it). Purposes are compared exactly;
    any other form grants nothing. Whoever says nothing has not consented, unless `absent_is` says otherwise; null
    says nothing, an empty list says no.

    The distinct id stays when an event is stripped. Dropped events are counted, and stored in events.raw only.
    """

    name = "require_consent"
    Config = Config
    privacy = True
    examples = (
        Example(
            says="Granted",
            config={"purposes": ["analytics"]},
            before={"properties": {"consent": ["necessary", "analytics"]}},
            after={"properties": {"consent": ["necessary", "analytics"]}},
        ),
        Example(
            says="Nothing said",
            config={"purposes": ["analytics"]},
            before={"properties": {"plan": "pro"}},
            after=None,
            outcome="dropped",
        ),
        Example(
            says="Only what is personal goes",
            config={"purposes": ["ads"], "consent": "privacy.purposes", "action": "strip", "remove": ["email", "$ip"]},
            before={"properties": {"privacy": {"purposes": {"ads": False}}, "email": "ada@example.com", "plan": "pro"}},
            after={"properties": {"privacy": {"purposes": {"ads": False}}, "plan": "pro"}},
        ),
    )

    @classmethod
    def sources(cls, config: Any) -> dict[str, LookupSource]:
        """The file of consents, if there is one."""
        return {_LIST: LookupSource(config.file, read_consents)} if config.file else {}

    def open(self) -> None:
        self._remove = paths_of(self.config.remove)
        self._path = tuple(self.config.consent.split("."))

    def reads(self) -> Collection[str] | None:
        return self.config.consent, self._path[0]

    def gives(self) -> Collection[str]:
        return self._remove.tops or ()

    def __call__(self, event: OpenEvent) -> Result:
        said = self._said(event)
        if said is None:
            if self.config.absent_is == "granted":
                return event
        elif _grants(said, self.config.purposes):
            return event
        return DROPPED if self.config.action == "drop" else self._stripped(event)

    def _said(self, event: OpenEvent) -> Any:
        """What is known of the consent; None for nothing."""
        said = event.get(self.config.consent)
        if said is None and len(self._path) > 1:
            said = event.get(self._path[0])
            for name in self._path[1:]:
                said = said.get(name) if hasattr(said, "get") else None
        if said is None and self.lookups:
            said = self.lookups[_LIST].value.get(event.distinct_id)
        return said

    def _stripped(self, event: OpenEvent) -> OpenEvent:
        return revalued_at(event, _PARTS, self._remove, _gone)


def _gone(_: object) -> object:
    return GONE


def _grants(said: Any, purposes: tuple[str, ...]) -> bool:
    if isinstance(said, str):
        said = [purpose.strip() for purpose in said.split(",")]
    if isinstance(said, dict):
        return all(said.get(purpose) is True or said.get(purpose) == _GRANTED for purpose in purposes)
    return isinstance(said, list) and all(purpose in said for purpose in purposes)


def read_consents(path: str) -> dict[str, Any]:
    """Distinct id → consent. Raises OSError and ValueError."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError as problem:
        raise ValueError(f"it is not a JSON object of distinct id → purposes granted: {problem}") from None
