"""The law of people with everything that goes wrong: crashes, delays, fenced owners, messages that come twice.

Many histories share an installation, each in a project of its own. HEADRACE_HISTORIES says how many in all.
"""

import os
import random

import pytest

from tests.laws.people_histories import some_history
from tests.laws.people_model import SOME_FAULTS
from tests.laws.people_runs import Run, compared, some_limits

HISTORIES = int(os.environ.get("HEADRACE_HISTORIES", "20000"))
TOGETHER = 200
"""Histories in one installation: enough to share the fixed cost of a batch, few enough for long delays."""


@pytest.mark.parametrize("seed", range(-(-HISTORIES // TOGETHER)))
def test_whatever_goes_wrong_the_answer_is_that_of_the_sorted_history(seed: int) -> None:
    chance = random.Random(seed)
    histories = {number: some_history(chance) for number in range(TOGETHER)}
    run = Run(
        some_limits(chance),
        partitions=chance.choice((1, 2, 4)),
        seed=seed,
        faults=SOME_FAULTS,
        copies=0.3,
        split_anytime=True,
        window_s=chance.choice((10**9, 10**9, 0)),
    )

    problems = compared(histories, run)

    assert not problems, f"{len(problems)} of {TOGETHER} histories; in {run} " + next(
        f"number {number}, {histories[number]}: {problem}" for number, problem in problems.items()
    )
