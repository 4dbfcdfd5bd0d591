"""What docs/people.md says about people is what happens."""

import re
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from pipeline.identity import ACCEPTED, Claim, ClaimKind, IdentityRules, Refusal, is_illegal, resolution
from pipeline.registers import TOO_LARGE, TOO_MANY, PeopleRules
from pipeline.sessions import SessionRules
from schemas.event import Event
from schemas.identifiers import person_id
from schemas.marks import read_marks
from tests.unit.schemas.decoded import event

TEXT = (Path(__file__).parents[3] / "docs" / "people.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
STORY = TEXT.split("\n## An example\n")[1].split("\n## ")[0]
SECTIONS: dict[str, type[msgspec.Struct]] = {"identity": IdentityRules, "people": PeopleRules, "sessions": SessionRules}


def decoded(example: str) -> Event:
    return event(example.replace("YOUR_TOKEN", "phc_1").encode())


def claim_of(example: str) -> Claim | None:
    found = decoded(example)
    marks = read_marks(found.marks)
    if not marks.claim:
        return None
    return Claim(found.distinct_id, marks.other, ClaimKind(marks.claim), found.timestamp, found.uuid)


def rows_after(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    table = re.search(r"\n(\|.*?\n)\n", TEXT.split(f"\n{heading}\n")[1], re.DOTALL)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[1].splitlines()[2:]]


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_an_event(example: str) -> None:
    assert decoded(example).project == 7


def test_there_is_an_example_of_every_kind_of_claim_and_of_a_personless_event() -> None:
    marks = [read_marks(decoded(example).marks) for example in EXAMPLES]

    assert {one.claim for one in marks} == {0, *ClaimKind}
    assert any(one.personless for one in marks)


def test_the_story_ends_as_told_in_whatever_order_it_arrives() -> None:
    [told] = re.findall(r"```text\n(.*?)```", STORY, re.DOTALL)
    claims = [one for one in map(claim_of, re.findall(r"```json\n(.*?)```", STORY, re.DOTALL)) if one is not None]

    for order in permutations(claims):
        found = resolution(7, order, {}, IdentityRules())
        people: dict[Any, list[str]] = {}
        for name in sorted(found.people):
            people.setdefault(found.people[name].person_id, []).append(name)
        lines = [f"{name}: {' '.join(people[person_id(7, name)])}" for name in ("ada", "bob")]
        refused = [(claim, verdict) for claim, verdict in found.verdicts if verdict != ACCEPTED]
        lines += [f"refused: {claim.into} {claim.other} {verdict}" for claim, verdict in refused]

        assert lines == told.splitlines()


def test_a_backend_computes_the_person_id_as_told() -> None:
    [program] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    [told] = re.findall(r'`person_id\(1, "ada"\)` is `(.*?)`', TEXT)
    found: dict[str, Any] = {}
    exec(program, found)

    assert found["person_id"](1, "ada").bytes == person_id(1, "ada") == UUID(told).bytes
    assert found["person_id"](7, "Žofie 🦊").bytes == person_id(7, "Žofie 🦊")


def test_every_refusal_is_in_the_table_with_its_remedy() -> None:
    rows = rows_after("## Refusals")

    assert sorted(row[0].strip("`") for row in rows) == sorted([*Refusal, TOO_LARGE, TOO_MANY])
    assert all(len(row) == 3 and row[2] for row in rows)


def test_every_id_that_is_called_illegal_is() -> None:
    [listed] = re.findall(r"Illegal as distinct ids of a claim are: blank, (.*?), in any case", TEXT, re.DOTALL)
    names = re.findall(r"`([^`]+)`", listed)

    assert len(names) == 15
    assert [name for name in names if not is_illegal(f'"{name.upper()}"')] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_every_limit_is_listed_with_its_default(section: str) -> None:
    shown = {row[2].strip("`"): row[1] for row in rows_after("## Limits")}

    for field in msgspec.structs.fields(SECTIONS[section]):
        assert f"{field.default:,}" in shown[f"{section}.{field.name}"].split()
