"""What properties say about person and session."""

import json
from typing import Any

import pytest

from pipeline.identity import is_illegal
from schemas.marks import OTHER_CHARS_MAX, SESSION_CHARS_MAX, Marks, marks_of, read_marks


def marks(event: str, **properties: Any) -> Marks:
    named = {name.replace("S_", "$"): value for name, value in properties.items()}
    return read_marks(marks_of(event, json.dumps(named).encode()))


def test_most_events_have_no_marks_and_cost_no_bytes() -> None:
    assert marks_of("viewed", b'{"$current_url":"/","a":{"$session_id":"inner"}}') == b""
    assert read_marks(b"") == Marks()


def test_the_three_claims_are_read() -> None:
    assert marks("$identify", S_anon_distinct_id="anon") == Marks(claim=1, other="anon")
    assert marks("$create_alias", alias="old") == Marks(claim=2, other="old")
    assert marks("$merge_dangerously", alias="old") == Marks(claim=3, other="old")
    assert marks("viewed", alias="old", S_anon_distinct_id="anon") == Marks()


def test_only_identify_says_something_without_another_id() -> None:
    assert marks("$identify") == Marks(claim=1)
    assert marks("$identify", S_anon_distinct_id=None) == Marks(claim=1)
    assert marks("$create_alias") == Marks()
    assert marks("$merge_dangerously", alias="") == Marks()


@pytest.mark.parametrize(("sent", "read"), [(5, "5"), (1.5, "1.5"), (True, "true"), (1e300, "1e300")])
def test_numbers_become_their_text(sent: Any, read: str) -> None:
    assert marks("$identify", S_anon_distinct_id=sent).other == read


def test_a_number_that_nothing_holds_keeps_its_spelling() -> None:
    assert read_marks(marks_of("$identify", b'{"$anon_distinct_id":1e999}')).other == "1e999"


@pytest.mark.parametrize("sent", [{"a": 1}, ["x"]])
def test_objects_and_lists_become_their_text_which_is_no_legal_distinct_id(sent: Any) -> None:
    found = marks("$create_alias", alias=sent)

    assert (found.claim, json.loads(found.other)) == (2, sent)
    assert is_illegal(found.other)


def test_of_what_is_too_long_for_a_distinct_id_the_beginning_is_kept() -> None:
    found = marks("$identify", S_anon_distinct_id="x" * 5_000)

    assert found.other == "x" * OTHER_CHARS_MAX
    assert is_illegal(found.other)


def test_a_session_is_taken_as_it_is_unless_it_is_no_text_or_too_long() -> None:
    assert marks("viewed", S_session_id="0190-abc").session == "0190-abc"
    assert marks("viewed", S_session_id=7).session == "7"
    assert marks("viewed", S_session_id=["7"]) == Marks()
    assert marks("viewed", S_session_id="s" * (SESSION_CHARS_MAX + 1)) == Marks()


def test_only_false_makes_an_event_personless() -> None:
    assert marks("viewed", S_process_person_profile=False).personless
    assert not marks("viewed", S_process_person_profile=True).personless
    assert not marks("viewed", S_process_person_profile="false").personless
    assert not marks("viewed", S_process_person_profile=0).personless
