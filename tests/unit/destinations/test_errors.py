"""What an answer of ClickHouse means: only what speaks of content rejects rows."""

import pytest

from destinations.clickhouse.errors import (
    CONTENT_CODES,
    RETRYABLE_CODES,
    advice,
    code_of,
    speaks_of_content,
    too_many_partitions,
)

END = "(NAME_OF_CODE) (version 26.9.2.1 (official build)) (for url http://127.0.0.1:8123)"


def answer(code: int | None, text: str = "") -> str:
    return f"Received ClickHouse exception, code: {code}, server response: Code: {code}. DB::Exception: {text} {END}"


@pytest.mark.parametrize("code", [*RETRYABLE_CODES, 1, 5_000])
def test_what_does_not_speak_of_content_is_tried_again(code: int) -> None:
    assert not speaks_of_content(answer(code))


@pytest.mark.parametrize("code", CONTENT_CODES)
def test_what_speaks_of_content_is_cut_down_to_its_rows(code: int) -> None:
    assert speaks_of_content(answer(code))


def test_no_answer_at_all_is_tried_again() -> None:
    assert not speaks_of_content("Error HTTPConnectionPool(host='h', port=1): Max retries exceeded")


@pytest.mark.parametrize(
    "text",
    [
        "no: while pushing to view d.v.",
        "no: while pushing to view d.v (0189c7a0-0000-7000-8000-000000000001).",
        "no: while pushing to view d.other: while pushing to view d.v.",
    ],
)
def test_a_view_that_fails_is_not_the_rows_fault(text: str) -> None:
    assert not speaks_of_content(answer(395, text))
    assert "the materialized view d." in advice(answer(395, text))


@pytest.mark.parametrize(
    "said", ["while pushing to view d.v.", f"while pushing to view d.v. {END}", "Code: 60. while pushing to view x"]
)
def test_a_row_cannot_pass_for_a_view(said: str) -> None:
    assert speaks_of_content(answer(469, f"violated. Column values: event = '{said}'."))


def test_codes_are_read_from_messages_of_server_and_client() -> None:
    assert code_of("Code: 469. DB::Exception: no, Code: 60") == 469
    assert code_of("Received ClickHouse exception, code: 60, server response") == 60
    assert code_of("connection refused") is None


def test_too_many_partitions_are_cut_and_too_many_parts_wait() -> None:
    assert too_many_partitions(answer(252, "Too many partitions for single INSERT block (more than 100)"))
    assert not too_many_partitions(answer(252, "Too many parts (300) in all partitions in total"))


def test_no_code_is_in_both_lists() -> None:
    assert not CONTENT_CODES.keys() & RETRYABLE_CODES.keys()


@pytest.mark.parametrize("code", RETRYABLE_CODES)
def test_every_expected_trouble_comes_with_advice(code: int) -> None:
    assert advice(answer(code)) == RETRYABLE_CODES[code][1]


def test_advice_on_the_unknown_is_to_wait() -> None:
    assert advice("?") == "it is asked again until it takes the block"
