"""Who is who: which distinct ids are one person, decided from claims that may arrive in any order.

A claim says that two distinct ids are one person. The answer for a connected set of ids is a pure function of
its claims: they are sorted by (timestamp, uuid) and replayed, so a claim that comes late changes the answer to
what it would have been all along. Nothing is lost by a merge, so nothing has to be guessed to undo one.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Annotated

import msgspec

from schemas.distinct_ids import is_illegal, text_of
from schemas.identifiers import person_id

__all__ = [
    "resolution",
    "computed_person",
    "kept",
    "refusal_of",
    "illegality",
    "is_illegal",
    "text_of",
    "Claim",
    "ClaimKind",
    "IdentityRules",
    "Person",
    "Refusal",
    "Resolution",
    "ACCEPTED",
    "NEVER",
]

NEVER = -(2**63)
"""A time before every timestamp: no block, no claim yet."""
ACCEPTED = ""
"""The verdict on a claim that counts."""
_DAY_US = 86_400_000_000


class ClaimKind(IntEnum):
    """What a claim may do; the numbers are stored."""

    IDENTIFY = 1
    """`$identify` with `$anon_distinct_id`: refused where the other id's person is identified."""
    ALIAS = 2
    """`$create_alias` with `alias`: refused where both are identified; if one is, its id survives."""
    DANGEROUSLY = 3
    """`$merge_dangerously` with `alias`: never refused because someone is identified."""


class Refusal(StrEnum):
    """Why a claim does not count: the closed list. A new reason is a new line here and in the docs."""

    PERSONLESS = "personless"
    """The event says `$process_person_profile: false`."""
    ILLEGAL_DISTINCT_ID = "illegal_distinct_id"
    """An id that many unrelated people would share (`is_illegal`)."""
    SAME_DISTINCT_ID = "same_distinct_id"
    """Both sides are the same distinct id: nothing to merge, and no sign of a login either."""
    STALE_CLAIM = "stale_claim"
    """Older than its receipt by over `stale_days`, and not marked historical."""
    TOO_COMMON = "too_common"
    """One of the ids was claimed together with over `too_common` different ids."""
    SPLIT = "split"
    """A person was split at this id, at or after the claim's time."""
    ALREADY_IDENTIFIED = "already_identified"
    """Two users on one device stay two."""
    TOO_MANY_DISTINCT_IDS = "too_many_distinct_ids"
    """The person would have over `max_distinct_ids` ids."""


class IdentityRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How large a person may grow, and which claims are not to be believed."""

    max_distinct_ids: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000
    """Distinct ids of one person; a person with more is a shared device or a bug, and everyone waits for it."""
    too_common: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 2_000
    """An id claimed together with more different ids is a kiosk or a test account, and merges nobody. Every claim on
    it looks at all of them: 9 ms at 2,000, 130 ms at 10,000 (docs/decisions/0018)."""
    stale_days: Annotated[int, msgspec.Meta(ge=0)] = 30
    """A claim further behind its receipt comes from a wrong clock, and must not take over the past."""


class Claim(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`other` is the same person as `into`, said by the event `uuid` (16 bytes) at `timestamp` (microseconds).

    `other` is empty for an `$identify` without an anonymous id, which merges nothing and marks `into` identified.
    """

    into: str
    other: str
    kind: ClaimKind
    timestamp: int
    uuid: bytes


class Person(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The person that a distinct id belongs to: 16 bytes, and whether somebody is known to have logged in."""

    person_id: bytes
    identified: bool


class Resolution(msgspec.Struct, frozen=True):
    """The answer for a connected set of ids: everybody's person, and the verdicts in the order of replay."""

    people: dict[str, Person]
    verdicts: list[tuple[Claim, str]]


class _Growing:
    """A person while claims are replayed; `name` is the distinct id that the person's id is computed from."""

    __slots__ = ("identified", "members", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members = [name]
        self.identified = False


def resolution(project: int, claims: Sequence[Claim], blocks: Mapping[str, int], rules: IdentityRules) -> Resolution:
    """Replay legal claims, in any order given, copies counting once.

    `blocks` are the times, in microseconds, up to and including which claims on an id are refused.
    Every id of a claim or a block has a person in the answer. A claim refused for its own sake still marks
    the person of `into` identified: whoever sends one has logged in.
    """
    people: dict[str, _Growing] = {name: _Growing(name) for name in blocks}
    verdicts: list[tuple[Claim, str]] = []
    for claim in sorted(claims, key=_order) if len(claims) > 1 else claims:
        if not verdicts or claim != verdicts[-1][0]:
            verdicts.append((claim, _replayed(claim, people, blocks, rules)))
    by_name = {person.name: person for person in people.values()}
    answers = {name: Person(computed_person(project, name), person.identified) for name, person in by_name.items()}
    return Resolution({name: answers[person.name] for name, person in people.items()}, verdicts)


@lru_cache(maxsize=4_096)
def computed_person(project: int, distinct_id: str) -> bytes:
    """The person of a distinct id that nobody has merged: a claim asks for that of each id several times."""
    return person_id(project, distinct_id)


def _replayed(claim: Claim, people: dict[str, _Growing], blocks: Mapping[str, int], rules: IdentityRules) -> str:
    into = people.get(claim.into) or _met(claim.into, people)
    if not claim.other:
        into.identified = True
        return ACCEPTED
    other = people.get(claim.other) or _met(claim.other, people)
    if claim.into == claim.other:
        return Refusal.SAME_DISTINCT_ID
    verdict = ACCEPTED if into is other else _verdict(claim, into, other, blocks, rules)
    if verdict == ACCEPTED and into is not other:
        into = _joined(claim.kind, into, other, people)
    into.identified = True
    return verdict


def _met(name: str, people: dict[str, _Growing]) -> _Growing:
    people[name] = _Growing(name)
    return people[name]


def _verdict(claim: Claim, into: _Growing, other: _Growing, blocks: Mapping[str, int], rules: IdentityRules) -> str:
    """Whether two different people become one. A split is named first: somebody decided it, the rest is rules."""
    if claim.timestamp <= _blocked_until(claim, blocks):
        return Refusal.SPLIT
    known = other.identified and (claim.kind is ClaimKind.IDENTIFY or into.identified)
    if known and claim.kind is not ClaimKind.DANGEROUSLY:
        return Refusal.ALREADY_IDENTIFIED
    if len(into.members) + len(other.members) > rules.max_distinct_ids:
        return Refusal.TOO_MANY_DISTINCT_IDS
    return ACCEPTED


def _joined(kind: ClaimKind, into: _Growing, other: _Growing, people: dict[str, _Growing]) -> _Growing:
    """One person of two. The id of `into` survives, unless an alias meets an identified person."""
    survivor = other if kind is ClaimKind.ALIAS and other.identified else into
    name = survivor.name
    larger, smaller = (into, other) if len(into.members) >= len(other.members) else (other, into)
    for member in smaller.members:
        people[member] = larger
    larger.members += smaller.members
    larger.name = name
    return larger


def kept(claims: Iterable[Claim], blocks: Mapping[str, int]) -> list[Claim]:
    """Of each (into, other, kind) the earliest claim, and the earliest after the newest block on either id.

    No other can change an answer: people only grow during a replay, so a repeat finds what the first one found,
    unless the first one fell under a block.
    """
    firsts: dict[tuple[str, str, int], Claim] = {}
    later: dict[tuple[str, str, int], Claim] = {}
    for claim in claims:
        key = (claim.into, claim.other, claim.kind)
        if key not in firsts or _order(claim) < _order(firsts[key]):
            firsts[key] = claim
        free = claim.other and claim.timestamp > _blocked_until(claim, blocks)
        if free and (key not in later or _order(claim) < _order(later[key])):
            later[key] = claim
    return list(dict.fromkeys([*firsts.values(), *later.values()]))


def _blocked_until(claim: Claim, blocks: Mapping[str, int]) -> int:
    return max(blocks.get(claim.into, NEVER), blocks.get(claim.other, NEVER)) if blocks else NEVER


def _order(claim: Claim) -> tuple[int, bytes, str, str, int]:
    """(timestamp, uuid); the rest parts events of different ids that were given the same uuid."""
    return claim.timestamp, claim.uuid, claim.into, claim.other, claim.kind


def refusal_of(
    timestamp: int,
    received_at: int,
    historical: bool,
    personless: bool,
    into: object,
    other: object,
    rules: IdentityRules,
) -> Refusal | None:
    """The verdicts that need no knowledge of other claims; None if the claim may go on.

    Times are microseconds; ids as sent, before `text_of`. `other` is the empty text where none was given.
    """
    if personless:
        return Refusal.PERSONLESS
    illegal = illegality(into, other)
    if illegal is not None:
        return illegal
    if not historical and received_at - timestamp > rules.stale_days * _DAY_US:
        return Refusal.STALE_CLAIM
    return None


def illegality(into: object, other: object) -> Refusal | None:
    """Whether these two ids, as sent, may be claimed to be one person at all."""
    if is_illegal(into) or (other != "" and is_illegal(other)):
        return Refusal.ILLEGAL_DISTINCT_ID
    return Refusal.SAME_DISTINCT_ID if text_of(into) == text_of(other) else None
