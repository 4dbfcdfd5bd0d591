"""What `headrace person` shows: components as trees."""

import io
from uuid import UUID

import msgspec
import pytest
from rich.console import Console, RenderableType

from pipeline.components import Component, apply_block, apply_claim, component_of
from pipeline.identity import Claim, ClaimKind, IdentityRules, Refusal
from pipeline.person_report import (
    SHOWN_MAX,
    ToldWarning,
    explanation,
    explanation_tree,
    told_claim,
)
from pipeline.readable import readable
from schemas.identifiers import person_id

RULES = IdentityRules()
IDENTIFY, ALIAS, DANGEROUSLY = ClaimKind
NOON = 1_795_176_000_000_000  # 2026-11-20T12:00:00Z


def claim(into: str, other: str, second: int, kind: ClaimKind = IDENTIFY) -> Claim:
    return Claim(into, other, kind, NOON + second * 1_000_000, second.to_bytes(16))


def component(distinct_id: str, *claims: Claim, split: str = "", rules: IdentityRules = RULES) -> Component | None:
    state: dict[bytes, bytes | None] = {}
    for version, one in enumerate(claims):
        state.update(apply_claim(1, one, version, state.get, rules).changes)
    if split:
        state.update(apply_block(1, split, NOON + 60_000_000, len(claims), state.get, rules).changes)
    return component_of(1, distinct_id, state.get)


def text_of(shown: RenderableType, width: int = 200) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(shown)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def person(name: str) -> str:
    return str(UUID(bytes=person_id(1, name)))


def test_the_tree_shows_people_claims_in_order_of_replay_and_splits() -> None:
    found = component("a1", claim("bob", "a1", 9), claim("ada", "a1", 5), claim("ada", "", 3), split="bob")

    assert text_of(explanation_tree(explanation(1, "a1", found, RULES))) == "\n".join(
        [
            "a1 in project 1",
            f"├── person {person('ada')}, identified",
            "│   ├── a1",
            "│   └── ada",
            f"├── person {person('bob')}, identified",
            "│   └── bob",
            "├── claims, in the order of replay",
            "│   ├── 2026-11-20T12:00:03Z  identify  ada logged in  00000000-0000-0000-0000-000000000003  accepted",
            "│   ├── 2026-11-20T12:00:05Z  identify  a1 → ada  00000000-0000-0000-0000-000000000005  accepted",
            "│   └── 2026-11-20T12:00:09Z  identify  a1 → bob  00000000-0000-0000-0000-000000000009  refused: split",
            "│       └── the person was split at this id at or after the event; a later login merges again",
            "└── splits",
            "    └── bob: claims on it up to 2026-11-20T12:01:00Z are refused",
        ]
    )


def test_the_person_of_the_id_comes_first() -> None:
    found = component("bob", claim("ada", "a1", 5), claim("bob", "a1", 9))

    told = explanation(1, "bob", found, RULES)

    assert [one.distinct_ids for one in told.people] == [["bob"], ["a1", "ada"]]


def test_an_id_that_no_claim_named_stands_alone() -> None:
    told = explanation(1, "zoe", None, RULES)

    assert [(one.person_id, one.distinct_ids) for one in told.people] == [(person("zoe"), ["zoe"])]
    assert told.note.startswith("No claim that counts names it: it stands alone.")
    assert "refused are in ingestion_warnings" in told.note


def test_an_id_that_was_claimed_with_one_too_common_names_that() -> None:
    told = explanation(1, "zoe", None, RULES, ["kiosk", "a\x1b"])

    assert told.note.startswith("It was claimed together with 'kiosk', 'a\x1b': too common (identity.too_common)")
    assert "'a\\x1b'" in text_of(explanation_tree(told))


def test_an_id_in_a_component_may_also_have_been_claimed_with_one_too_common() -> None:
    found = component("a1", claim("ada", "a1", 5))

    assert "with 'kiosk': too common" in explanation(1, "a1", found, RULES, ["kiosk"]).note
    assert explanation(1, "a1", found, RULES).note == ""


def test_what_was_refused_of_events_is_shown_as_text() -> None:
    warning = ToldWarning("stale_claim", "'[b]a' was\x1b not merged", "0190-7000", "2026-11-20T12:00:00Z")
    told = msgspec.structs.replace(explanation(1, "zoe", None, RULES), warnings=[warning])

    shown = text_of(explanation_tree(told))

    assert "2026-11-20T12:00:00Z  0190-7000  stale_claim" in shown
    assert "'[b]a' was\\x1b not merged" in shown


def test_an_id_that_can_never_merge_says_so() -> None:
    assert "illegal_distinct_id" in explanation(1, "null", None, RULES).note


def test_an_id_too_common_says_so() -> None:
    rules = IdentityRules(too_common=1)
    found = component("kiosk", claim("kiosk", "a", 1), claim("kiosk", "b", 2), rules=rules)

    assert "over 1 ids (identity.too_common)" in explanation(1, "kiosk", found, rules).note


@pytest.mark.parametrize("rule", list(Refusal))
def test_every_refusal_says_what_it_means_without_repeating_the_ids(rule: Refusal) -> None:
    told = told_claim(1, claim("ada", "a1", 5), rule, RULES)

    assert told.verdict == rule.value
    assert told.meaning
    assert "was not merged" not in told.meaning


def test_of_many_claims_the_tree_shows_those_of_the_id_and_counts_the_others() -> None:
    others = [claim("ada", f"device-{number}", number) for number in range(SHOWN_MAX)]
    told = explanation(1, "a1", component("a1", *others, claim("ada", "a1", 999)), RULES)

    shown = text_of(explanation_tree(told))

    assert len(told.claims) == SHOWN_MAX + 1
    assert "a1 → ada" in shown
    assert f"… and {SHOWN_MAX} more: --json has all" in shown
    assert "… and 2 more" in shown


def test_claims_that_identify_has_not_read_are_told_with_how_to_start_it() -> None:
    told = msgspec.structs.replace(explanation(1, "zoe", None, RULES), waiting=3)

    shown = text_of(explanation_tree(told))

    assert "identify has not read 3 claims yet" in shown
    assert "headrace run identify" in shown


def test_an_id_cannot_command_the_terminal_or_the_renderer() -> None:
    found = component("[red]a", claim("\x1b[31mada\u202e", "[red]a", 5))

    shown = text_of(explanation_tree(explanation(1, "[red]a", found, RULES)))

    assert "[red]a → \\x1b[31mada\\u202e" in shown
    assert readable("grüße ✓") == "grüße ✓"
