"""Versions: what node-semver and semver.org read, is read, and nothing else."""

import pytest

from tests.conformance.split_semver import DEVIATIONS, results
from transforms.testing import made, opened, run


def test_every_version_of_the_fixtures_is_taken_apart() -> None:
    assert {label for label, passed in results() if not passed} == set(DEVIATIONS)


@pytest.mark.parametrize("value", ["", "latest", "1.2.3\n4", "١.٢.٣", "1.2.3-", None, 1.2, ["1.2.3"], {"v": "1.2.3"}])
def test_what_is_no_version_changes_nothing(value: object) -> None:
    event = opened({"properties": {"$app_version": value}})

    assert made("split_semver")(event) is event


@pytest.mark.parametrize(
    ("text", "parts"),
    [("17", {"major": 17}), ("v2.1", {"major": 2, "minor": 1}), ("2.1.0", {"major": 2, "minor": 1, "patch": 0})],
)
def test_a_partial_version_is_read_where_that_is_wanted(text: str, parts: dict[str, int]) -> None:
    after = run("split_semver", {"properties": {"v": text}}, {"properties": ["v"], "partial": True, "separator": "."})

    assert dict(after.properties) == {"v": text} | {f"v.{name}": number for name, number in parts.items()}


@pytest.mark.parametrize("text", ["2-rc.1", "2.1+7", "02.1", "2.", "9007199254740992.1"])
def test_a_partial_version_has_no_more_than_numbers(text: str) -> None:
    event = opened({"properties": {"$app_version": text}})

    assert made("split_semver", {"partial": True})(event) is event


def test_several_properties_are_taken_apart() -> None:
    after = run("split_semver", {"properties": {"a": "1.0.0", "b": " 2.0.0 "}}, {"properties": ["a", "b"]})

    assert (after.properties["a_major"], after.properties["b_major"]) == (1, 2)


def test_an_event_taken_apart_stays_as_it_is() -> None:
    step = made("split_semver")
    after = step(opened({"properties": {"$app_version": "1.2.3-rc.1+7"}}))

    assert step(after) is after


def test_true_is_no_number() -> None:
    said = {"$app_version": "1.0.1", "$app_version_major": True, "$app_version_minor": False}

    found = run("split_semver", {"properties": said}).properties

    assert [type(found[f"$app_version_{part}"]) for part in ("major", "minor", "patch")] == [int, int, int]
