"""What was worked out once is not worked out again, and no more is kept than was said."""

import pytest

from schemas.remembered import Remembered


def test_each_answer_is_worked_out_once() -> None:
    asked: list[str] = []
    remembered = Remembered(lambda text: asked.append(text) or text.upper(), 10)

    assert [remembered[text] for text in "abab"] == ["A", "B", "A", "B"]
    assert asked == ["a", "b"]


def test_of_what_is_full_the_older_half_goes() -> None:
    remembered = Remembered(str.upper, 4)

    for text in "abcde":
        remembered[text]

    assert list(remembered) == ["c", "d", "e"]


def test_what_cannot_be_worked_out_is_not_kept() -> None:
    remembered = Remembered(int, 1)

    with pytest.raises(ValueError, match="invalid literal"):
        remembered["x"]

    assert not remembered
    assert (remembered["1"], remembered["2"], list(remembered)) == (1, 2, ["2"])
