"""The log of claims and splits, applied one record at a time: who belongs to whom now, and what that changes.

Ids that any claim connects, accepted or refused, are a component: one state record with its claims, its blocks
and what was answered last, named after one of its ids. A small record for each distinct id names its component.
So a claim reads and writes what it touches and nothing else, and everything else follows from `resolution`.
"""

from collections.abc import Iterable

import msgspec

from pipeline.component_records import Block, Books, ComponentRecord, Read
from pipeline.identity import (
    ACCEPTED,
    NEVER,
    Claim,
    IdentityRules,
    Person,
    Refusal,
    computed_person,
    illegality,
    kept,
    resolution,
)

__all__ = [
    "apply_claim",
    "apply_block",
    "component_of",
    "Applied",
    "Block",
    "Component",
    "Mapping",
    "Membership",
    "Refused",
]


class Mapping(msgspec.Struct, frozen=True, gc=False):
    """The person of a distinct id, as of the record at position `version` of the log."""

    distinct_id: str
    person_id: bytes
    identified: bool
    version: int


class Membership(msgspec.Struct, frozen=True, gc=False):
    """A distinct id belongs to a person (`joined`), or no longer does; `identified` is then False."""

    person_id: bytes
    distinct_id: str
    joined: bool
    identified: bool
    version: int


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A claim that does not count, and the rule (a value of `Refusal`)."""

    claim: Claim
    rule: str


class Applied(msgspec.Struct, frozen=True):
    """What follows from one record. Nothing at all, where it says what was known."""

    changes: dict[bytes, bytes | None]
    """State keys with their new values; None removes the key."""
    mappings: list[Mapping]
    """Only of ids whose person or `identified` differs from the last answer, or from the computed person."""
    memberships: list[Membership]
    refused: list[Refused]
    """Only verdicts that are new or other than before."""


class Component(msgspec.Struct, frozen=True):
    """What `headrace person explain` shows: ids with their people, claims with their verdicts, blocks."""

    ids: dict[str, Person]
    claims: list[Claim]
    verdicts: list[str]
    """One for each claim, in the order of replay; empty where the claim counts."""
    blocks: dict[str, int]
    """Times in microseconds."""
    too_common: bool = False
    """The id merges nobody, and nothing else is known of it."""


def apply_claim(project: int, claim: Claim, version: int, read: Read, rules: IdentityRules) -> Applied:
    """The record at position `version` of the project's log is a claim; `read` sees all records before it."""
    illegal = illegality(claim.into, claim.other)
    if illegal is not None:
        return Applied({}, [], [], [Refused(claim, illegal)])
    step = _Step(project, version, read, rules)
    step.claim(claim)
    return step.applied()


def apply_block(
    project: int, distinct_id: str, recorded_at: int, version: int, read: Read, rules: IdentityRules
) -> Applied:
    """The record at position `version` splits a person at an id; `recorded_at` in microseconds is its own time.

    The block lasts until the newest claim on that id ahead of it in the log, if that is later. An id too common
    has no person to split; a record applied before (by its version) changes nothing.
    """
    step = _Step(project, version, read, rules)
    step.block(distinct_id, recorded_at)
    return step.applied()


def component_of(project: int, distinct_id: str, read: Read) -> Component | None:
    """Everything that decides who the id is; None if no claim and no block ever named it."""
    books = Books(project, read)
    state = books.id(distinct_id)
    if state.too_common:
        alone = {distinct_id: Person(computed_person(project, distinct_id), False)}
        return Component(alone, [], [], {}, too_common=True)
    if not state.component:
        return None
    known = books.component(state.component)
    claims, verdicts = [claim for claim, _ in known.told], [verdict for _, verdict in known.told]
    return Component(known.answered, claims, verdicts, known.times())


class _Step:
    """One record of the log: the state it reads, and what it says about it."""

    def __init__(self, project: int, version: int, read: Read, rules: IdentityRules) -> None:
        self._project = project
        self._version = version
        self._rules = rules
        self._books = Books(project, read)
        self._mappings: list[Mapping] = []
        self._memberships: list[Membership] = []
        self._refused: list[Refused] = []

    def applied(self) -> Applied:
        return Applied(self._books.changes(), self._mappings, self._memberships, self._refused)

    def claim(self, claim: Claim) -> None:
        ends = [claim.into, claim.other] if claim.other else [claim.into]
        states = [self._books.id(end) for end in ends]
        usable = [end for end, state in zip(ends, states, strict=True) if not state.too_common]
        if claim.other:
            for state in states:
                if claim.timestamp > state.newest and not state.too_common:
                    state.newest = claim.timestamp
        if len(usable) < len(ends):
            self._with_common(claim, usable)
            return
        known = self._together(usable)
        same = [one for one, _ in known.told if one.into == claim.into and one.other == claim.other]
        if same:
            stay = kept([*same, claim], known.times())
            if claim in same or claim not in stay:
                return
            gone = set(same).difference(stay)
            known.told = [pair for pair in known.told if pair[0] not in gone]
        known.told = [*known.told, (claim, ACCEPTED)]
        self._changed(known, [] if same else usable)

    def block(self, distinct_id: str, recorded_at: int) -> None:
        state = self._books.id(distinct_id)
        if state.too_common:
            return
        known = self._together([distinct_id])
        before = known.blocks.get(distinct_id, Block(NEVER, NEVER))
        if self._version <= before.version:
            return
        time = max(recorded_at, state.newest, before.time)
        known.blocks[distinct_id] = Block(time, self._version)
        stay = set(kept([claim for claim, _ in known.told], known.times()))
        known.told = [pair for pair in known.told if pair[0] in stay]
        self._settle(known)

    def _with_common(self, claim: Claim, usable: list[str]) -> None:
        """A claim with an id too common is illegal, but makes the other one a little more common."""
        self._refused.append(Refused(claim, Refusal.TOO_COMMON))
        for end in usable:
            common = claim.into if end == claim.other else claim.other
            state = self._books.id(end)
            if common not in state.common_partners:
                state.common_partners = [*state.common_partners, common]
                if self._is_common(end, self._books.component(state.component or end)):
                    self._retire(self._books.component(state.component or end), [end])

    def _together(self, ids: list[str]) -> ComponentRecord:
        """The component of these ids; two are joined by re-pointing the smaller one."""
        names = {state.component: None for state in map(self._books.id, ids) if state.component}
        found = sorted(map(self._books.component, names), key=lambda known: len(known.answered), reverse=True)
        known = found[0] if found else self._books.component(ids[0])
        for smaller in found[1:]:
            known.told = [*known.told, *smaller.told]
            known.blocks.update(smaller.blocks)
            known.answered.update(smaller.answered)
            self._books.remove(smaller.name)
            ids = [*ids, *smaller.answered]
        for name in ids:
            self._books.id(name).component = known.name
        return known

    def _changed(self, known: ComponentRecord, suspects: list[str]) -> None:
        """Claims were added; `suspects` are ids that got a new partner by it."""
        common = [name for name in suspects if self._is_common(name, known)]
        if common:
            self._retire(known, common)
        else:
            self._settle(known)

    def _is_common(self, name: str, known: ComponentRecord) -> bool:
        """Partners are counted where the claims are: it costs a look at what is replayed anyway."""
        if len(known.told) + len(self._books.id(name).common_partners) <= self._rules.too_common:
            return False
        partners = {claim.other for claim, _ in known.told if claim.into == name}
        partners.update(claim.into for claim, _ in known.told if claim.other == name)
        partners.update(self._books.id(name).common_partners)
        return len(partners - {""}) > self._rules.too_common

    def _retire(self, known: ComponentRecord, common: list[str]) -> None:
        """Ids became too common: their claims and blocks go, and the rest falls into its own components."""
        self._books.remove(known.name)
        rest = []
        for claim, verdict in known.told:
            retired = [end for end in common if end in (claim.into, claim.other)]
            if not retired:
                rest.append((claim, verdict))
                continue
            self._refused.append(Refused(claim, Refusal.TOO_COMMON))
            for partner in {claim.into, claim.other} - {*common, ""}:
                state = self._books.id(partner)
                state.common_partners = list(dict.fromkeys([*state.common_partners, *retired]))
        for name in common:
            self._books.forget_id(name)
            self._answer(name, known.answered.get(name), self._nobody(name))
        left = [name for name in known.ids() if name not in common]
        pieces = _pieces(left, [claim for claim, _ in rest])
        home = {name: number for number, members in enumerate(pieces) for name in members}
        told: list[list[tuple[Claim, str]]] = [[] for _ in pieces]
        for claim, verdict in rest:
            told[home[claim.into]].append((claim, verdict))
        for members, claims in zip(pieces, told, strict=True):
            self._piece(known, members, claims)

    def _piece(self, known: ComponentRecord, members: set[str], told: list[tuple[Claim, str]]) -> None:
        """A part of a component that fell apart goes on as a component of its own, if a claim or block is left."""
        part = ComponentRecord(
            name=known.name if known.name in members else min(members),
            told=told,
            blocks={name: known.blocks[name] for name in members if name in known.blocks},
            answered={name: known.answered[name] for name in members if name in known.answered},
        )
        if part.ids():
            for name in members:
                self._books.id(name).component = part.name
            self._books.put(part)
            self._settle(part)
        else:
            for name in members:
                self._books.id(name).component = ""
                self._answer(name, part.answered.get(name), self._nobody(name))

    def _settle(self, known: ComponentRecord) -> None:
        """Resolve a component anew, and say what differs from what was said before."""
        found = resolution(self._project, [claim for claim, _ in known.told], known.times(), self._rules)
        refused = [(claim, verdict) for claim, verdict in found.verdicts if verdict != ACCEPTED]
        before = dict(known.told) if refused else {}
        self._refused += [Refused(claim, verdict) for claim, verdict in refused if verdict != before[claim]]
        for name, person in found.people.items():
            was = known.answered.get(name)
            if was is None or was != person:
                self._answer(name, was, person)
        known.told, known.answered = found.verdicts, found.people

    def _answer(self, name: str, before: Person | None, now: Person) -> None:
        """An id that was never answered for has the computed person."""
        if before is None:
            before = self._nobody(name)
        if now == before:
            return
        self._mappings.append(Mapping(name, now.person_id, now.identified, self._version))
        if now.person_id != before.person_id:
            self._memberships.append(Membership(before.person_id, name, False, False, self._version))
        self._memberships.append(Membership(now.person_id, name, True, now.identified, self._version))

    def _nobody(self, name: str) -> Person:
        return Person(computed_person(self._project, name), False)


def _pieces(ids: list[str], claims: Iterable[Claim]) -> list[set[str]]:
    """The sets of ids that claims connect."""
    home = {name: {name} for name in ids}
    for claim in claims:
        if claim.other and home[claim.into] is not home[claim.other]:
            larger, smaller = sorted((home[claim.into], home[claim.other]), key=len, reverse=True)
            larger |= smaller
            home.update(dict.fromkeys(smaller, larger))
    return list({id(members): members for members in home.values()}.values())
