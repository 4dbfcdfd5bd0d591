"""Events against their plan: by the official suite of JSON Schema, and without ever telling a value."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.lookups import LookupTable
from schemas.event import Dropped, Rejected, RejectionCode
from schemas.event_plans import compiled_plans
from schemas.open_event import OpenEvent
from tests.conformance import vectors
from tests.conformance.validate_schema import results
from transforms.testing import Fixed, made, opened, run
from transforms.validate_schema import Config, ValidateSchema

ORDER = {
    "type": "object",
    "required": ["price", "currency"],
    "properties": {
        "price": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD"]},
        "sku": {"pattern": "^[A-Z]+$", "maxLength": 5},
        "items": {"items": {"required": ["id"], "properties": {"id": {"type": ["integer", "null"]}}}},
        "any": {"anyOf": [{"type": "integer"}, {"minLength": 30}]},
        "mail": {"format": "email"},
        "one": {"const": "a"},
        "half": {"multipleOf": 0.5},
    },
    "additionalProperties": False,
}
GOOD = {"price": 1, "currency": "EUR"}


def errors(properties: Any, schema: Any = ORDER, **config: Any) -> Any:
    config = {"schemas": {"*": schema}, "action": "annotate", **config}
    return run("validate_schema", {"properties": properties}, config).get("$schema_errors")


def test_the_official_suite() -> None:
    found = results()

    assert len(found) > 700
    assert [label for label, passed in found if not passed] == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"price": "SECRET"}, ["price: type number"]),
        ({"price": -77}, ["price: minimum 0"]),
        ({"currency": "SECRET"}, ["currency: enum"]),
        ({"sku": "secret-7"}, ["sku: maxLength 5", "sku: pattern ^[A-Z]+$"]),
        ({"items": [{"id": 1}, {}, {"id": "SECRET"}]}, ["items[1].id: required", "items[2].id: type integer or null"]),
        ({"any": "SECRET"}, ["any: anyOf"]),
        ({"one": "SECRET"}, ["one: const"]),
        ({"half": 0.7}, ["half: multipleOf 0.5"]),
        ({"color": "SECRET"}, ["color: is not planned"]),
        ({"x" * 100: "SECRET"}, ["x" * 59 + "…: is not planned"]),
        (
            {f"n{number}": 1 for number in range(5)},
            ["event: 2 more are not planned", *(f"n{n}: is not planned" for n in range(3))],
        ),
        ({"mail": "SECRET"}, None),
    ],
)
def test_messages_name_the_property_and_the_rule_and_never_the_value(wrong: Any, said: Any) -> None:
    found = errors({**GOOD, **wrong})

    assert found == said
    assert "SECRET" not in str(found)
    assert "-77" not in str(found)


def test_every_other_rule_is_told_without_the_value_too() -> None:
    schema = {
        "propertyNames": {"maxLength": 6},
        "properties": {
            "list": {"prefixItems": [{}], "unevaluatedItems": False},
            "unique": {"uniqueItems": True},
            "not": {"not": {"type": "string"}},
            "one": {"oneOf": [{"minLength": 1}, {"minLength": 2}]},
            "has": {"contains": {"type": "null"}},
            "never": False,
            "if": {"if": {"type": "string"}, "then": {"const": 1}},
        },
    }
    values = {"list": [1, "SECRET"], "unique": ["SECRET", "SECRET"], "one": "SECRET", "has": ["SECRET"]}

    found = errors({**values, "not": "SECRET", "never": "SECRET", "if": "SECRET", "longname": "SECRET"}, schema)

    assert {message.partition(":")[0] for message in found} >= {"list", "unique", "one", "has", "not", "never", "if"}
    assert "longname: propertyNames maxLength" in found
    assert "SECRET" not in str(found)


def test_names_that_do_not_stand_in_the_schema_are_not_told() -> None:
    schema = {
        "properties": {
            "guests": {"additionalProperties": {"type": "object", "required": ["id"]}},
            "mails": {"propertyNames": {"maxLength": 3}},
            ".dot": {"type": "object"},
        },
    }
    said = {"guests": {"ada@example.com": 1, "bob@example.com": {}}, "mails": {"ada@example.com": 1}, ".dot": 1}

    assert errors(said, schema) == [
        ".dot: type object",
        "guests.*.id: required",
        "guests.*: type object",
        "mails.*: propertyNames maxLength",
    ]


def test_formats_are_rules_only_if_asked_for() -> None:
    assert errors({**GOOD, "mail": "no"}, formats=True) == ["mail: format email"]


def test_missing_ones_are_named_and_messages_are_bounded() -> None:
    assert errors({}) == ["currency: required", "price: required"]
    assert errors({}, errors_max=1) == ["currency: required"]


@pytest.mark.parametrize(("action", "kind"), [("reject", Rejected), ("drop", Dropped), ("annotate", OpenEvent)])
def test_the_action_is_what_the_configuration_says(action: str, kind: type) -> None:
    step = made("validate_schema", {"schemas": {"order": ORDER}, "action": action})
    good, other = opened({"event": "order", "properties": GOOD}), opened({"event": "other"})

    found = step(opened({"event": "order", "properties": {"price": "x"}}))

    assert type(found) is kind
    assert step(good) is good
    assert step(other) is other


def test_a_rejection_names_all_that_is_wrong() -> None:
    found = run("validate_schema", {"properties": {"price": "SECRET"}}, {"schemas": {"*": ORDER}})

    assert found.code is RejectionCode.SCHEMA_VIOLATION
    assert "currency: required; price: type number" in found.message
    assert "SECRET" not in found.message


def test_annotations_are_ours_and_twice_is_once() -> None:
    step = made("validate_schema", {"schemas": {"*": ORDER}, "action": "annotate", "dollar_names": "all"})
    once = step(opened({"properties": {"price": 1, "$schema_errors": "forged"}}))
    forged = step(opened({"properties": {**GOOD, "$schema_errors": ["forged"]}}))

    assert once.get("$schema_errors") == ["currency: required"]  # type: ignore[union-attr]
    assert step(once) is once  # type: ignore[arg-type]
    assert forged.get("$schema_errors") is None  # type: ignore[union-attr]


def test_properties_of_sdks_are_shown_where_the_schema_names_them() -> None:
    naming = {**ORDER, "allOf": [{"properties": {"$lib": {"const": "web"}}}]}
    closed_schema = {**naming, "properties": {**ORDER["properties"], "$lib": {}}}  # type: ignore[dict-item]

    assert errors({**GOOD, "$ip": 1, "$lib": "web"}) is None
    assert errors({**GOOD, "$ip": 1, "$lib": "ios"}, closed_schema) == ["$lib: const"]
    assert errors({**GOOD, "$ip": 1}, dollar_names="all") == ["$ip: is not planned"]


def test_a_schema_may_be_about_the_whole_event() -> None:
    schema = {
        "properties": {"distinct_id": {"minLength": 5}, "$set": {"required": ["email"]}, "$unset": {"maxItems": 1}}
    }
    event = {"$set": {"plan": "pro"}, "$unset": ["a", "b"]}

    found = run("validate_schema", event, {"schemas": {"*": schema}, "action": "annotate", "validates": "event"})

    assert found.get("$schema_errors") == ["$set.email: required", "$unset: maxItems 1", "distinct_id: minLength 5"]


def test_an_event_without_a_schema_can_be_a_violation() -> None:
    config = {"schemas": {"order": ORDER}, "unplanned": "violation"}

    assert "has no schema" in run("validate_schema", {"event": "other"}, config).message


@pytest.mark.parametrize("number", ["1e999", "1" * 400, "-1e999", str(2**70)])
@pytest.mark.parametrize("schema", [{"minimum": 0}, {"type": "number", "minimum": 0}, {"not": {"maximum": 0}}])
def test_a_number_of_any_size_is_checked_at_any_depth(number: str, schema: Any) -> None:
    text = f'{{"price": [{{"of": {number}}}]}}'.encode()
    event = OpenEvent(msgspec.structs.replace(opened()._of, properties=text))
    schema = {"properties": {"price": {"items": {"properties": {"of": schema}}}}}

    found = made("validate_schema", {"schemas": {"*": schema}})(event)

    assert (found is event) is not number.startswith("-")


@pytest.mark.parametrize("number", ["1e9999999999999999999", "-1e9999999999999999999"])
def test_a_number_that_nothing_can_hold_is_no_way_around_the_check(number: str) -> None:
    event = OpenEvent(msgspec.structs.replace(opened()._of, properties=f'{{"price": {number}}}'.encode()))

    found = made("validate_schema", {"schemas": {"*": ORDER}})(event)

    assert isinstance(found, Rejected)
    assert "cannot be checked" in found.message


def test_a_pattern_that_takes_too_long_does_not_match() -> None:
    schema = {"properties": {"a": {"pattern": "^(?=a)(a|aa)+(?!b)c$"}}}

    assert errors({"a": "a" * 60 + "d"}, schema) == ["a: pattern"]


@pytest.mark.parametrize(
    ("schemas", "said"),
    [
        ({}, "no schema"),
        ({"order": {"type": "words"}}, "schema of 'order' is wrong"),
        ({"order": {"$ref": "https://example.com/x.json"}}, "cannot fetch"),
        ({"order": {"$ref": "#/$defs/none"}}, "order"),
        ({"order": "x"}, "an object, true or false"),
        ({"order": {"pattern": "("}}, "regex"),
    ],
)
def test_what_is_no_schema_is_refused(schemas: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made("validate_schema", {"schemas": schemas})


def test_literals_that_look_like_rules_do_not_confuse_it() -> None:
    schema = {"properties": {"a": {"const": {"properties": 5, "required": True}}, "required": {"enum": [None]}}}

    assert errors({"a": {"properties": 5, "required": True}}, schema) is None


def table(place: Path) -> LookupTable:
    source = ValidateSchema.sources(Config(file=str(place)))["file"]
    return LookupTable(source, place.parent)


def test_schemas_come_from_a_file_and_those_in_the_configuration_come_first(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"order": {"required": ["a"]}, "*": {"required": ["b"]}}))
    config = {"file": str(file), "schemas": {"order": {"required": ["c"]}}, "action": "annotate"}
    step = made("validate_schema", config, {"file": table(file)})

    assert step(opened({"event": "order"})).get("$schema_errors") == ["c: required"]  # type: ignore[union-attr]
    assert step(opened({"event": "other"})).get("$schema_errors") == ["b: required"]  # type: ignore[union-attr]


def test_a_folder_has_a_file_for_each_event_and_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    folder.mkdir()
    (folder / "order placed.json").write_text('{"required": ["a"]}')
    (folder / "notes.txt").write_text("no schema")
    found = table(folder)
    step = made("validate_schema", {"file": str(folder)}, {"file": found})
    before = step(opened({"event": "order placed"}))

    (folder / "order placed.json").write_text('{"required": []}')
    changed = found.refresh()

    assert isinstance(before, Rejected)
    assert changed
    assert isinstance(step(opened({"event": "order placed"})), OpenEvent)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"order": 1}', '{"order": {"type": 1}}'])
def test_a_file_that_is_wrong_says_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)

    with pytest.raises(ValueError):
        ValidateSchema.sources(Config(file=str(file)))["file"].read(str(file))


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file"):
        ValidateSchema.sources(Config(file=str(tmp_path)))["file"].read(str(tmp_path))


def test_a_file_is_asked_at_every_event() -> None:
    lookup = Fixed({})
    step = made("validate_schema", {"file": "plan.json"}, {"file": lookup})
    event = opened({"event": "order"})
    before = step(event)

    lookup.value = made("validate_schema", {"schemas": {"order": False}})._inline  # type: ignore[attr-defined]

    assert before is event
    assert isinstance(step(event), Rejected)


def test_what_an_open_schema_does_not_name_makes_no_difference_to_it() -> None:
    checked = 0
    for group in vectors("validate_schema")["vectors"]:
        plan = compiled_plans({"*": group["schema"]}, False)["*"]
        for _, value, _ in group["tests"]:
            if isinstance(value, dict) and not plan.closed:
                named = {name: content for name, content in value.items() if name in plan.matter}
                checked += 1
                assert plan.errors(named, 10) == plan.errors(value, 10)

    assert checked > 100


@pytest.mark.parametrize(
    ("schema", "read"),
    [
        ({"required": ["a"], "properties": {"b": {"properties": {"c": {}}}}}, {"a", "b", "c"}),
        ({"dependentRequired": {"a": ["b"]}, "dependencies": {"c": ["d"]}}, {"a", "b", "c", "d"}),
        ({"required": ["a"], "additionalProperties": False}, None),
        ({"properties": {"a": {"const": {"b": 1}}}}, None),
    ],
)
def test_no_more_is_read_than_an_open_schema_names(schema: Any, read: set[str] | None) -> None:
    config = {"schemas": {"*": schema}}

    assert made("validate_schema", config).reads() == read
    assert made("validate_schema", {**config, "file": "plan.json"}, {"file": Fixed({})}).reads() is None
