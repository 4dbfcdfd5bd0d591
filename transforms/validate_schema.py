"""Events are what their plan says, or it is known which are not."""

import glob
from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from schemas.event_parts import properties_of
from schemas.event_plans import Plan, compiled_plans
from transforms.interface import (
    DROPPED,
    Annotated,
    Example,
    LookupSource,
    OpenEvent,
    RejectionCode,
    Result,
    Transform,
    TransformConfig,
    about,
    refused,
)

__all__ = ["ValidateSchema"]

_ANY = "*"


class Config(TransformConfig, frozen=True):
    schemas: Annotated[dict[str, Any], about("Per event name, its JSON Schema; `*` for all events without one.")] = (
        msgspec.field(default_factory=dict)
    )
    file: Annotated[
        str, about("A JSON file with the same, its address, or a folder with a file `<event name>.json` for each.")
    ] = ""
    action: Annotated[
        Literal["reject", "drop", "annotate"],
        about("Reject the event, drop it, or add what is wrong as a property."),
    ] = "reject"
    validates: Annotated[
        Literal["properties", "event"],
        about("What a schema describes: the properties, or an object with event, distinct_id, properties, $set, …."),
    ] = "properties"
    unplanned: Annotated[Literal["pass", "violation"], about("What an event without a schema is.")] = "pass"
    dollar_names: Annotated[
        Literal["named", "all"],
        about("Show schemas all properties that begin with `$`, or only those that they name themselves."),
    ] = "named"
    formats: Annotated[bool, about("Whether `format` is a rule (email, date-time, …) or only a remark.")] = False
    errors_property: Annotated[str, about("Where `annotate` puts its messages.", min_length=1)] = "$schema_errors"
    errors_max: Annotated[int, about("How many messages an event gets at most.", ge=1, le=100)] = 10

    def __post_init__(self) -> None:
        if not self.schemas and not self.file:
            raise ValueError("there is no schema: give `schemas`, or a `file` with them")
        compiled_plans(self.schemas, self.formats)


class ValidateSchema(Transform[Config]):
    """Check each event against the JSON Schema of its name: a tracking plan that is kept, not only written.

    Schemas are JSON Schema 2020-12 unless their `$schema` names another draft (4, 6, 7, 2019-09). They stand in the
    configuration, in one JSON file (an object from event names to schemas), or in a folder; those in the configuration
    come first. A changed file counts within a minute, and a file that has become wrong is reported and not used. `$ref`
    reaches what stands in the same schema; nothing is fetched.

    SDKs add properties of their own, all beginning with `$`. A schema is only shown those that it names, so that
    `additionalProperties: false` means yours. Patterns are those of ECMA-262; one that takes too long on a text counts
    as not matching.

    Messages name the property and the rule, never the value: they end up in columns that many people read. With
    `annotate`, the event goes on with the messages in `$schema_errors`, which is ours: what a sender puts there is
    removed.
    """

    name = "validate_schema"
    Config = Config
    examples = (
        Example(
            says="What is not as planned is rejected",
            config={
                "schemas": {
                    "order placed": {
                        "required": ["price"],
                        "properties": {"price": {"type": "number", "minimum": 0}},
                    }
                }
            },
            before={"event": "order placed", "properties": {"price": -1}},
            after=None,
            outcome="rejected",
        ),
        Example(
            says="What is not as planned is marked",
            config={
                "action": "annotate",
                "schemas": {
                    "order placed": {
                        "required": ["price", "currency"],
                        "properties": {"price": {"type": "number"}, "currency": {"enum": ["EUR", "USD"]}},
                        "additionalProperties": False,
                    }
                },
            },
            before={"event": "order placed", "properties": {"price": "9", "color": "red", "$lib": "web"}},
            after={
                "properties": {
                    "price": "9",
                    "color": "red",
                    "$lib": "web",
                    "$schema_errors": ["color: is not planned", "currency: required", "price: type number"],
                }
            },
        ),
        Example(
            says="What has no schema passes",
            config={"schemas": {"order placed": {"required": ["price"]}}},
            before={"event": "page viewed", "properties": {}},
            after={},
        ),
    )

    @classmethod
    def sources(cls, config: TransformConfig) -> Mapping[str, LookupSource]:
        assert isinstance(config, Config)
        if not config.file:
            return {}
        return {"file": LookupSource(config.file, lambda path: compiled_plans(_read(path), config.formats))}

    def open(self) -> None:
        self._inline = compiled_plans(self.config.schemas, self.config.formats)
        self._file = self.lookups["file"] if self.config.file else None
        self._annotates = self.config.action == "annotate"
        self._ours = self.config.errors_property if self._annotates else None

    def reads(self) -> Collection[str] | None:
        """Of open plans what they name; a closed one is about all properties, and those in a file may become so."""
        plans = self._inline.values()
        if self._file is not None or any(plan.closed for plan in plans):
            return None
        return frozenset().union(*(plan.matter for plan in plans), {self._ours} if self._ours else ())

    def __call__(self, event: OpenEvent) -> Result:
        plan = self._plan(event.event)
        if plan is None:
            errors = [] if self.config.unplanned == "pass" else ["event: has no schema"]
        else:
            shown = self._shown(event, plan)
            errors = plan.errors(shown, self.config.errors_max)
        if self._annotates:
            return self._annotated(event, errors)
        if not errors:
            return event
        if self.config.action == "drop":
            return DROPPED
        said = "; ".join(errors)
        return refused(f"the event is not as planned: {said}; correct the sender, or the schema", _VIOLATION)

    def _plan(self, name: str) -> Plan | None:
        plan = self._inline.get(name)
        if plan is None and self._file is not None:
            plan = self._file.value.get(name)
        if plan is None:
            plan = self._inline.get(_ANY)
        if plan is None and self._file is not None:
            plan = self._file.value.get(_ANY)
        return plan

    def _shown(self, event: OpenEvent, plan: Plan) -> dict[str, Any]:
        """What the schema describes. Of an open one, what it does not name makes no difference to it."""
        ours = self._ours
        found = properties_of(event) if plan.closed else event._some(plan.matter)
        shown = found if isinstance(found, dict) else {**found}
        if plan.closed or ours in plan.named:
            # Of the names that stand in it, those with a $ are all named.
            known, everything = plan.names, self.config.dollar_names == "all"
            shown = {name: value for name, value in shown.items() if everything or name in known or name[:1] != "$"}
            shown.pop(ours, None)
        if self.config.validates == "properties":
            return shown
        whole: dict[str, Any] = {"event": event.event, "distinct_id": event.distinct_id, "properties": shown}
        parts = {"$set": dict(event.set), "$set_once": dict(event.set_once), "$unset": list(event.unset)}
        return whole | {name: content for name, content in parts.items() if content}

    def _annotated(self, event: OpenEvent, errors: list[str]) -> OpenEvent:
        name = self.config.errors_property
        if not errors:
            return event.without((name,))
        return event if event.get(name) == errors else event.adding({name: errors})


_VIOLATION = RejectionCode.SCHEMA_VIOLATION


def _read(path: str) -> dict[str, Any]:
    """The schemas in a file, or in the files of a folder. Raises ValueError, OSError."""
    try:
        found: dict[str, Any] = _decoded(path)
    except IsADirectoryError:
        files = sorted(glob.glob(f"{glob.escape(path.rstrip('/'))}/*.json"))
    else:
        return found
    if not files:
        raise ValueError("the folder has no file that ends with .json")
    return {file.rpartition("/")[2].removesuffix(".json"): _decoded(file) for file in files}


def _decoded(path: str) -> Any:
    with open(path, "rb") as file:
        text = file.read()
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as problem:
        raise ValueError(f"{path}: {problem}") from problem
