"""The rules for people: which ids never merge, what each kind of claim may do, who survives a merge."""

import msgspec
import pytest

from pipeline.identity import (
    Claim,
    ClaimKind,
    IdentityRules,
    Person,
    Refusal,
    is_illegal,
    kept,
    refusal_of,
    resolution,
    text_of,
)
from schemas.identifiers import person_id

DAY = 86_400_000_000
RULES = IdentityRules()
IDENTIFY, ALIAS, DANGEROUSLY = ClaimKind


def claim(into: str, other: str, kind: ClaimKind, timestamp: int, number: int = 0) -> Claim:
    return Claim(into, other, kind, timestamp, number.to_bytes(16))


def groups(claims: list[Claim], blocks: dict[str, int] | None = None, rules: IdentityRules = RULES) -> dict[str, str]:
    """For each id the id whose person it has, with a star where identified."""
    found = resolution(1, claims, blocks or {}, rules)
    names = {person_id(1, name): name for name in found.people}
    return {name: names[one.person_id] + "*" * one.identified for name, one in found.people.items()}


def verdicts(claims: list[Claim], blocks: dict[str, int] | None = None, rules: IdentityRules = RULES) -> list[str]:
    return [verdict for _, verdict in resolution(1, claims, blocks or {}, rules).verdicts]


NOBODY = ["anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email", "undefined"]
NOBODY += ["true", "false", "null", "none", "nan", "0", "[object object]", "", "  "]


@pytest.mark.parametrize("name", NOBODY)
@pytest.mark.parametrize("spelling", ["{}", "'{}'", '"{}"', " {}\t", "' {} '", ' "{}" '])
def test_an_id_that_means_nobody_is_illegal_in_every_spelling(name: str, spelling: str) -> None:
    assert is_illegal(spelling.format(name))
    assert is_illegal(spelling.format(name.upper()))
    assert is_illegal(spelling.format(name.title()))


@pytest.mark.parametrize("value", [None, True, False, 0, float("nan"), {}, [], {"id": 1}, ["ada"]])
def test_values_that_are_no_ids_are_illegal(value: object) -> None:
    assert is_illegal(value)


@pytest.mark.parametrize("text", ["[]", "{}", '["ada"]', " [1] ", "a\x00b", "a\ufffdb", f"a{chr(0xD800)}b", "x" * 201])
def test_broken_ids_and_objects_as_text_are_illegal(text: str) -> None:
    assert is_illegal(text)


LEGAL = ["ada", 1, 12.5, "00", "x" * 200, "guest1", "'guest", '"', "''guest''", "[", "['']", "idé", "ada@example.com"]


@pytest.mark.parametrize("value", [*LEGAL, "{6f9619ff-8b86-d011-b42d-00c04fc964ff}"])
def test_other_ids_are_legal(value: object) -> None:
    assert not is_illegal(value)


def test_numbers_become_their_text() -> None:
    assert [text_of(value) for value in (7, 1.5, "7", msgspec.Raw(b"12345678901234567890123"))] == [
        "7",
        "1.5",
        "7",
        "12345678901234567890123",
    ]


def refusal(
    into: object = "ada",
    other: object = "a1",
    age_us: int = 0,
    historical: bool = False,
    personless: bool = False,
) -> str | None:
    return refusal_of(DAY, DAY + age_us, historical, personless, into, other, RULES)


def test_a_claim_between_two_legal_ids_goes_on() -> None:
    assert refusal() is None
    assert refusal(other="") is None


def test_a_personless_event_claims_nothing() -> None:
    assert refusal(personless=True) == Refusal.PERSONLESS


def test_an_illegal_id_on_either_side_is_refused() -> None:
    assert refusal(into="Guest") == refusal(other="null") == Refusal.ILLEGAL_DISTINCT_ID
    assert refusal(other=None) == refusal(into="", other="") == refusal(other=" ") == Refusal.ILLEGAL_DISTINCT_ID


def test_an_id_is_not_claimed_to_be_itself_even_as_a_number() -> None:
    assert refusal(other="ada") == refusal(into=7, other="7") == Refusal.SAME_DISTINCT_ID


def test_a_claim_over_thirty_days_behind_its_receipt_is_stale_unless_historical() -> None:
    assert refusal(age_us=30 * DAY) is None
    assert refusal(age_us=30 * DAY + 1) == Refusal.STALE_CLAIM
    assert refusal(age_us=30 * DAY + 1, historical=True) is None
    assert refusal(age_us=-400 * DAY) is None


def test_unknown_and_impossible_rules_are_refused() -> None:
    for wrong in ({"too_rare": 1}, {"max_distinct_ids": 0}, {"too_common": 0}, {"stale_days": -1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, IdentityRules)


@pytest.mark.parametrize("kind", ClaimKind)
def test_the_person_of_into_survives_and_is_identified(kind: ClaimKind) -> None:
    assert groups([claim("ada", "a1", kind, 1)]) == {"ada": "ada*", "a1": "ada*"}


def test_a_claim_without_another_id_only_marks() -> None:
    found = resolution(1, [claim("ada", "", IDENTIFY, 1)], {}, RULES)

    assert found.people == {"ada": Person(person_id(1, "ada"), True)}
    assert [verdict for _, verdict in found.verdicts] == [""]


def test_a_user_known_only_to_servers_is_not_swallowed() -> None:
    claims = [claim("ada", "", IDENTIFY, 1), claim("bob", "ada", IDENTIFY, 2)]

    assert groups(claims) == {"ada": "ada*", "bob": "bob*"}
    assert verdicts(claims) == ["", "already_identified"]


def test_two_users_on_one_device_stay_two_but_the_second_is_identified() -> None:
    claims = [claim("bob", "phone", IDENTIFY, 2), claim("ada", "phone", IDENTIFY, 1)]

    assert groups(claims) == {"ada": "ada*", "phone": "ada*", "bob": "bob*"}
    assert verdicts(claims) == ["", "already_identified"]


def test_an_identified_person_may_swallow_an_unknown_one_by_identify() -> None:
    claims = [claim("ada", "a1", IDENTIFY, 1), claim("ada", "a2", IDENTIFY, 2)]

    assert groups(claims) == {"ada": "ada*", "a1": "ada*", "a2": "ada*"}


@pytest.mark.parametrize(("into", "other"), [("ada", "a1"), ("a1", "ada")])
def test_an_alias_keeps_the_identified_person_whatever_its_direction(into: str, other: str) -> None:
    claims = [claim("ada", "", IDENTIFY, 1), claim(into, other, ALIAS, 2)]

    assert groups(claims) == {"ada": "ada*", "a1": "ada*"}


def test_an_alias_of_two_identified_people_is_refused() -> None:
    claims = [claim("ada", "", IDENTIFY, 1), claim("bob", "", IDENTIFY, 1, 1), claim("ada", "bob", ALIAS, 2)]

    assert groups(claims) == {"ada": "ada*", "bob": "bob*"}
    assert verdicts(claims) == ["", "", "already_identified"]


def test_a_dangerous_merge_joins_two_identified_people_into_the_named_one() -> None:
    claims = [claim("ada", "a1", IDENTIFY, 1), claim("bob", "b1", IDENTIFY, 1, 1), claim("bob", "a1", DANGEROUSLY, 2)]

    assert groups(claims) == {"ada": "bob*", "a1": "bob*", "bob": "bob*", "b1": "bob*"}


def test_a_claim_between_ids_of_one_person_is_accepted_and_changes_nothing() -> None:
    claims = [claim("ada", "a1", IDENTIFY, 1), claim("a1", "ada", IDENTIFY, 2)]

    assert groups(claims) == {"ada": "ada*", "a1": "ada*"}
    assert verdicts(claims) == ["", ""]


def test_a_claim_on_oneself_neither_merges_nor_identifies() -> None:
    claims = [claim("ada", "ada", IDENTIFY, 1)]

    assert groups(claims) == {"ada": "ada"}
    assert verdicts(claims) == ["same_distinct_id"]


def test_a_person_may_reach_the_limit_and_not_pass_it() -> None:
    claims = [claim("ada", f"a{number}", IDENTIFY, number) for number in range(1, 4)]

    assert verdicts(claims, rules=IdentityRules(max_distinct_ids=4)) == ["", "", ""]
    assert verdicts(claims, rules=IdentityRules(max_distinct_ids=3)) == ["", "", "too_many_distinct_ids"]


def test_a_late_claim_may_evict_another_id_at_the_limit() -> None:
    claims = [claim("ada", "a2", IDENTIFY, 2), claim("ada", "a1", IDENTIFY, 1)]

    assert groups(claims, rules=IdentityRules(max_distinct_ids=2)) == {"ada": "ada*", "a1": "ada*", "a2": "a2"}


def test_equal_timestamps_are_replayed_by_uuid() -> None:
    claims = [claim("bob", "phone", IDENTIFY, 1, 2), claim("ada", "phone", IDENTIFY, 1, 1)]

    assert groups(claims)["phone"] == "ada*"


@pytest.mark.parametrize("blocked", ["ada", "a1"])
def test_a_block_on_either_id_refuses_claims_up_to_its_time_but_still_marks(blocked: str) -> None:
    claims = [claim("ada", "a1", DANGEROUSLY, 5)]

    assert groups(claims, {blocked: 4}) == {"ada": "ada*", "a1": "ada*"}
    assert groups(claims, {blocked: 5}) == {"ada": "ada*", "a1": "a1"}
    assert verdicts(claims, {blocked: 5}) == ["split"]


def test_ids_joined_only_through_a_split_one_come_apart_too() -> None:
    claims = [claim("hub", "a1", DANGEROUSLY, 1), claim("hub", "b1", DANGEROUSLY, 2), claim("a1", "a2", DANGEROUSLY, 3)]

    found = groups(claims, {"hub": 9})

    assert found == {"hub": "hub*", "a1": "a1*", "a2": "a1*", "b1": "b1"}


def test_a_login_after_a_split_merges_again() -> None:
    claims = [claim("ada", "a1", IDENTIFY, 1), claim("ada", "a1", IDENTIFY, 7)]

    assert verdicts(claims, {"ada": 5}) == ["split", ""]
    assert groups(claims, {"ada": 5})["a1"] == "ada*"


def test_an_id_with_nothing_but_a_block_is_its_own_person() -> None:
    assert groups([], {"ada": 5}) == {"ada": "ada"}


def test_of_repeats_the_earliest_is_kept_and_the_earliest_after_a_block() -> None:
    repeats = [claim("ada", "a1", IDENTIFY, timestamp) for timestamp in (5, 3, 9, 7, 8)]

    assert [one.timestamp for one in kept(repeats, {})] == [3]
    assert [one.timestamp for one in kept(repeats, {"a1": 6})] == [3, 7]
    assert [one.timestamp for one in kept(repeats, {"a1": 6, "ada": 7})] == [3, 8]
    assert [one.timestamp for one in kept(repeats, {"a1": 9})] == [3]


def test_claims_of_another_kind_or_direction_are_no_repeats() -> None:
    claims = [claim("ada", "a1", IDENTIFY, 1), claim("ada", "a1", ALIAS, 2), claim("a1", "ada", IDENTIFY, 3)]

    assert kept(claims, {}) == claims


def test_of_marks_only_the_earliest_is_kept_whatever_is_blocked() -> None:
    marks = [claim("ada", "", IDENTIFY, timestamp) for timestamp in (5, 3, 9)]

    assert kept(marks, {"ada": 4}) == [marks[1]]
