"""Who somebody is and why, for people and for machines: a component as a tree. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from pipeline.components import Component
from pipeline.identity import Claim, IdentityRules, is_illegal
from pipeline.ingestion_warnings import refused_claim
from pipeline.readable import readable
from schemas.identifiers import person_id

__all__ = [
    "explanation",
    "explanation_tree",
    "grouped",
    "people_tree",
    "told_claim",
    "told_moment",
    "AFTER_A_SPLIT",
    "Explanation",
    "ToldClaim",
    "ToldPerson",
    "ToldSplit",
    "ToldWarning",
]

AFTER_A_SPLIT = (
    "Only what was claimed so far is refused. A later login merges again: an event after the split that names the same "
    "two ids counts. On a shared device reset the anonymous id at logout, or stop sending the claim."
)
_REFUSED = "Claims that were refused are in ingestion_warnings."
_NEVER_MERGES = "Unrelated people may share such an id, so it never merges (illegal_distinct_id): it stands alone."
SHOWN_MAX = 100
"""Ids of a person, and claims, that a tree shows; --json has all."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ToldPerson(msgspec.Struct, frozen=True):
    """A person with its distinct ids."""

    person_id: str
    identified: bool
    distinct_ids: list[str]


class ToldClaim(msgspec.Struct, frozen=True):
    """A claim that `other` is the same person as `into`; `other` is empty for a login without an anonymous id."""

    kind: str
    other: str
    into: str
    timestamp: str
    event_uuid: str
    verdict: str
    """`accepted`, or the rule that refuses it."""
    meaning: str = ""
    """What the refusal means and what to do."""


class ToldSplit(msgspec.Struct, frozen=True):
    """Claims on the id up to and including this time are refused."""

    distinct_id: str
    until: str


class ToldWarning(msgspec.Struct, frozen=True):
    """Something of an event was refused, and the event itself went on."""

    code: str
    """Which rule."""
    message: str
    event_uuid: str
    timestamp: str


class Explanation(msgspec.Struct, frozen=True):
    """Everything that decides who a distinct id is."""

    project: int
    distinct_id: str
    people: list[ToldPerson]
    claims: list[ToldClaim] = []
    """In the order of replay."""
    splits: list[ToldSplit] = []
    warnings: list[ToldWarning] = []
    """The newest that name the id, also claims that were refused before they could connect anything."""
    note: str = ""
    waiting: int = 0
    """Claims that identify has not read yet."""


def explanation(
    project: int, distinct_id: str, component: Component | None, rules: IdentityRules, common: Sequence[str] = ()
) -> Explanation:
    """The component of an id, told. An id that no claim connects stands alone.

    `common` are ids that it was claimed together with, and that are too common to merge anybody.
    """
    if component is None or component.too_common:
        alone = ToldPerson(str(UUID(bytes=person_id(project, distinct_id))), False, [distinct_id])
        return Explanation(project, distinct_id, [alone], note=_why_alone(distinct_id, component, rules, common))
    told = zip(component.claims, component.verdicts, strict=True)
    return Explanation(
        project=project,
        distinct_id=distinct_id,
        people=grouped(component, distinct_id),
        claims=[told_claim(project, claim, verdict, rules) for claim, verdict in told],
        splits=[ToldSplit(name, _moment(until)) for name, until in sorted(component.blocks.items())],
        note=_claimed_with(common),
    )


def grouped(component: Component, distinct_id: str) -> list[ToldPerson]:
    """The people of a component with their distinct ids, the person of the given id first."""
    members: dict[bytes, list[str]] = {}
    for name, person in component.ids.items():
        members.setdefault(person.person_id, []).append(name)
    identified = {person.person_id for person in component.ids.values() if person.identified}
    first = component.ids[distinct_id].person_id
    return [
        ToldPerson(str(UUID(bytes=person)), person in identified, sorted(members[person]))
        for person in sorted(members, key=lambda person: (person != first, person))
    ]


def told_claim(project: int, claim: Claim, verdict: str, rules: IdentityRules) -> ToldClaim:
    """A claim with what its verdict means."""
    kind, meaning = claim.kind.name.lower(), ""
    if verdict:
        message = refused_claim(project, claim, verdict, rules)[3]
        meaning = message.removeprefix(f"{claim.other[:200]!r} was not merged into {claim.into!r} ({kind}): ")
    uuid = str(UUID(bytes=claim.uuid))
    moment = _moment(claim.timestamp)
    return ToldClaim(kind, claim.other, claim.into, moment, uuid, verdict or "accepted", meaning)


def explanation_tree(told: Explanation) -> RenderableType:
    """People, claims in the order of replay, and splits; what a tree has no room for is counted."""
    title = f"{readable(told.distinct_id)} in project {told.project}"
    tree = people_tree(title, told.people, told.distinct_id)
    if told.claims:
        claims = _claims_to_show(told)
        branch = tree.add(Text("claims, in the order of replay", "bold"))
        for claim in claims:
            _add_claim(branch, claim)
        if more := len(told.claims) - len(claims):
            branch.add(Text(f"… and {more:,} more: --json has all", "dim"))
    if told.splits:
        branch = tree.add(Text("splits", "bold"))
        for split in told.splits:
            branch.add(Text(f"{readable(split.distinct_id)}: claims on it up to {split.until} are refused"))
    if told.warnings:
        branch = tree.add(Text("refused of its events, the newest first", "bold"))
        for warning in told.warnings:
            line = Text(f"{warning.timestamp}  ").append(warning.event_uuid, "dim").append(f"  {warning.code}", "red")
            branch.add(line).add(Text(readable(warning.message), "dim"))
    notes = [Text(readable(told.note))] if told.note else []
    if told.waiting:
        notes.append(Text(_waiting(told.waiting), "yellow"))
    return Group(tree, *notes)


def people_tree(title: str, people: Iterable[ToldPerson], distinct_id: str = "") -> Tree:
    """Each person with its distinct ids; the given id stands out."""
    tree = Tree(Text(title, "bold"))
    for person in people:
        branch = tree.add(Text(f"person {person.person_id}{', identified' if person.identified else ''}", "cyan"))
        names = sorted(person.distinct_ids, key=lambda name: name != distinct_id)
        for name in names[:SHOWN_MAX]:
            branch.add(Text(readable(name), "bold" if name == distinct_id else ""))
        if (more := len(names) - SHOWN_MAX) > 0:
            branch.add(Text(f"… and {more:,} more", "dim"))
    return tree


def told_moment(moment: datetime) -> str:
    """A moment as everything here shows it: UTC, RFC 3339."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _why_alone(distinct_id: str, component: Component | None, rules: IdentityRules, common: Sequence[str]) -> str:
    if component is not None:
        return f"It was claimed together with over {rules.too_common:,} ids (identity.too_common): it merges nobody."
    if is_illegal(distinct_id):
        return _NEVER_MERGES
    return f"{_claimed_with(common)} No claim that counts names it: it stands alone. {_REFUSED}".strip()


def _claimed_with(common: Sequence[str]) -> str:
    if not common:
        return ""
    more = f" and {len(common) - SHOWN_MAX:,} more" if len(common) > SHOWN_MAX else ""
    names = ", ".join(f"'{name}'" for name in common[:SHOWN_MAX])
    return f"It was claimed together with {names}{more}: too common (identity.too_common) to merge anybody."


def _claims_to_show(told: Explanation) -> Sequence[ToldClaim]:
    """All, or where they are too many those that name the id."""
    if len(told.claims) <= SHOWN_MAX:
        return told.claims
    return [claim for claim in told.claims if told.distinct_id in (claim.into, claim.other)][:SHOWN_MAX]


def _add_claim(branch: Tree, claim: ToldClaim) -> None:
    who = f"{readable(claim.other)} → {readable(claim.into)}" if claim.other else f"{readable(claim.into)} logged in"
    line = Text(f"{claim.timestamp}  {claim.kind}  {who}  ")
    line.append(claim.event_uuid, "dim").append("  ")
    accepted = claim.verdict == "accepted"
    line.append("accepted" if accepted else f"refused: {claim.verdict}", "green" if accepted else "red")
    shown = branch.add(line)
    if claim.meaning:
        shown.add(Text(claim.meaning, "dim"))


def _waiting(count: int) -> str:
    records = "1 claim" if count == 1 else f"{count:,} claims"
    return (
        f"identify has not read {records} yet: what is shown may change. If that stays so, start it with "
        "headrace run identify, or headrace up."
    )


def _moment(micros: int) -> str:
    return told_moment(_EPOCH + timedelta(microseconds=micros))
