"""Comparing two lists of transformations over the same records."""

import json
from typing import Any

from pipeline.steps import Step, TransformRules
from pipeline.transform_diff import EXAMPLES_KEPT, MESSAGES_KEPT, OTHER_MESSAGES, Comparison, Side
from schemas.decoding import DecodeContext
from schemas.event import RejectionCode
from schemas.limits import Limits
from tests.unit.schemas.decoded import batch_of
from transforms.interface import DROPPED, refused

DECODING = DecodeContext(projects={"t": 1}, limits=Limits(), avro={})


def side(*calls: Any) -> Side:
    steps = tuple(Step(f"s{number}", f"s{number}@1", call) for number, call in enumerate(calls))
    return Side(DECODING, TransformRules({0: steps}))


def compared(current: Side, other: Side, *properties: dict[str, Any]) -> dict[str, Any]:
    values = [
        json.dumps({"token": "t", "event": "e", "distinct_id": "d", "properties": found}).encode()
        for found in properties
    ]
    comparison = Comparison(current, other)
    comparison.take(batch_of([*values, b"not json"]))
    return comparison.report()


def test_equal_lists_change_nothing() -> None:
    report = compared(side(), side(), {"a": 1}, {"a": 2})

    assert (report["records"], report["same"], report["changed"], report["fields"]) == (3, 3, 0, {})


def test_fields_are_counted_by_what_became_of_them() -> None:
    other = side(lambda event: event.without(["gone"]).adding({"new": 1, "n": 2}))

    report = compared(side(), other, {"gone": 1, "n": 1}, {"n": 2, "new": 1}, {"n": "2"})

    assert report["changed"] == 2
    fields = report["fields"]
    assert (fields["properties.gone"]["removed"], fields["properties.new"]["added"]) == (1, 2)
    assert fields["properties.n"]["changed"] == 2
    assert {"event": "e", "now": '"2"', "then": "2"} in fields["properties.n"]["examples"]


def test_who_is_dropped_rejected_or_let_through_is_counted() -> None:
    violation = refused("plan must be one of two", RejectionCode.SCHEMA_VIOLATION)
    ends = {"drop": DROPPED, "refuse": violation}
    current = side(lambda event: DROPPED if event.get("do") == "wake" else event)
    other = side(lambda event: ends.get(event.get("do"), event))

    report = compared(current, other, {"do": "drop"}, {"do": "refuse"}, {"do": "wake"}, {})

    assert (report["dropped"], report["rejected"], report["added"], report["violations"]) == (1, 1, 1, 1)
    assert {"now": "moved", "then": "dropped by s0", "events": 1} in report["fates"]
    assert list(report["violations_by_message"]) == ["s0: plan must be one of two"]
    assert report["same"] == 2


def test_examples_are_few_and_short() -> None:
    other = side(lambda event: event.adding({"long": "x" * 1_000}))

    report = compared(side(), other, *({"n": number} for number in range(20)))

    examples = report["fields"]["properties.long"]["examples"]
    assert len(examples) == EXAMPLES_KEPT
    assert all(len(example["then"]) == 120 for example in examples)


def test_messages_of_any_number_are_counted_and_few_are_kept() -> None:
    other = side(lambda event: refused(f"{event.get('n')} is wrong", RejectionCode.SCHEMA_VIOLATION))

    report = compared(side(), other, *({"n": number} for number in range(MESSAGES_KEPT + 5)))

    kept = report["violations_by_message"]
    assert (report["violations"], len(kept), kept[OTHER_MESSAGES]) == (MESSAGES_KEPT + 5, MESSAGES_KEPT + 1, 5)
