"""The published semantics of merging people, as named scenarios (tests/scenarios), in every order of arrival."""

from collections.abc import Iterator

import msgspec
import pytest

from tests.laws.people_answers import Answers
from tests.laws.people_histories import History
from tests.laws.people_model import NO_FAULTS, SOME_FAULTS, Faults
from tests.laws.people_runs import Run, expected, played, wrong
from tests.laws.scenarios import ALL, FOLDER, Case, Person, cases_of, orders_of, problem_with, read
from tests.reference.path_reference import Refused

SCENARIOS = pytest.mark.parametrize("name", ALL)


def answered(histories: list[History], run: Run) -> Iterator[Answers]:
    """The answers in order; each is that of the reference, too."""
    found = played(dict(enumerate(histories)), run)
    for number, history in enumerate(histories):
        answer = found[number + 1]
        assert not wrong(expected(history, run.limits), answer, run), history
        yield answer


@SCENARIOS
def test_in_the_order_given_it_ends_as_written(name: str) -> None:
    cases = list(cases_of(ALL[name]))
    run = Run(cases[0].limits, partitions=2, seed=1, shuffled=False)

    # One installation for all: what happens in one project must not be seen in another.
    found = played(dict(enumerate(case.history for case in cases)), run)

    for number, case in enumerate(cases):
        assert not problem_with(case, found[number + 1], in_order=True), case.history


@SCENARIOS
@pytest.mark.parametrize(("partitions", "faults"), [(1, NO_FAULTS), (4, SOME_FAULTS)])
def test_in_any_order_it_ends_as_written(name: str, partitions: int, faults: Faults) -> None:
    for seed, case in enumerate(cases_of(ALL[name])):
        run = Run(case.limits, partitions, seed, faults, shuffled=False, copies=0.2 if any(faults) else 0)
        orders = orders_of(case.history)

        for history, answer in zip(orders, answered(orders, run), strict=True):
            assert not problem_with(case, answer, in_order=False), history


@SCENARIOS
def test_no_word_of_what_is_expected_could_be_another(name: str) -> None:
    for case in cases_of(ALL[name]):
        run = Run(case.limits, partitions=1, seed=0, shuffled=False)
        [answer] = answered([case.history], run)

        for other in altered(case):
            assert problem_with(other, answer, in_order=True), other


def altered(case: Case) -> Iterator[Case]:
    """The same with one expectation changed."""
    for name, person in case.people.items():
        for other in altered_person(person):
            yield msgspec.structs.replace(case, people={**case.people, name: other})
        others = {key: one for key, one in case.people.items() if key != name}
        yield msgspec.structs.replace(case, people=others)
        yield msgspec.structs.replace(case, people={**others, f"not {name}": person})
    for warning in case.warnings:
        yield msgspec.structs.replace(case, warnings=case.warnings - {warning})
        yield msgspec.structs.replace(case, warnings=(case.warnings - {warning}) | {warning._replace(rule="other")})
    yield msgspec.structs.replace(case, warnings=case.warnings | {Refused("nobody", 1, "split")})


def altered_person(person: Person) -> Iterator[Person]:
    yield msgspec.structs.replace(person, identified=not person.identified)
    yield msgspec.structs.replace(person, ids=person.ids[1:])
    yield msgspec.structs.replace(person, ids=[*person.ids, "somebody"])
    yield msgspec.structs.replace(person, properties={**person.properties, "more": 1})
    for name in person.properties:
        yield msgspec.structs.replace(person, properties={**person.properties, name: "another"})
    if person.since is not None:
        yield msgspec.structs.replace(person, since=person.since + 1)


def test_no_file_is_empty_and_no_name_comes_twice() -> None:
    files = sorted(FOLDER.iterdir())
    scenarios = [scenario for file in files for scenario in read(file)]

    assert all(file.suffix == ".yaml" and read(file) for file in files)
    assert len(ALL) == len(scenarios) == len({scenario.name for scenario in scenarios})


@SCENARIOS
def test_something_happens_and_somebody_is_expected(name: str) -> None:
    scenario = ALL[name]

    assert scenario.events
    assert scenario.people
    assert bool(scenario.elsewhere) == bool(scenario.people_elsewhere)
