"""Error codes and statuses as a ClickHouse server gives them."""

import pytest

from pipeline.embedded.refusals import Refused


@pytest.mark.parametrize(
    ("code", "status"), [(60, 404), (81, 404), (47, 404), (62, 400), (53, 400), (159, 408), (48, 501), (241, 500)]
)
def test_a_code_has_the_status_a_server_gives_it(code: int, status: int) -> None:
    problem = Refused(f"Code: {code}. DB::Exception: no. (NAME)")

    assert (problem.code, problem.status) == (code, status)


def test_what_stands_before_the_engines_words_is_left_out() -> None:
    problem = Refused("Streaming insert finish failed: Code: 27. DB::Exception: no. (NAME)")

    assert str(problem) == "Code: 27. DB::Exception: no. (NAME)"


def test_words_without_a_code_are_an_unknown_exception() -> None:
    problem = Refused("")

    assert (problem.code, problem.status, str(problem)) == (1002, 500, "Code: 1002. ")
