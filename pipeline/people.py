"""Who belongs to a person, and what that makes the person: its properties, its age, whether it is identified.

The state of a person is the newest fact about each distinct id that ever belonged to it, with the registers that the
id sent (pipeline/registers.py), never mixed. So changes may come late, twice and in any order, and a merge can be
taken back exactly.
"""

import msgspec
from msgspec.structs import replace

from pipeline.registers import (
    Learned,
    PeopleRules,
    PropertyEvent,
    decode_registers,
    encode_registers,
    joined,
    learn,
    overlaid,
    shown,
    view,
)
from schemas.identifiers import person_id

__all__ = [
    "absorb",
    "snapshot",
    "audience",
    "RegistersChange",
    "MembershipChange",
    "Absorbed",
    "PersonRow",
    # What a person is known by, so that one import serves a hop.
    "PeopleRules",
    "PropertyEvent",
    "Learned",
    "learn",
    "joined",
    "view",
    "shown",
    "overlaid",
    "encode_registers",
    "decode_registers",
]

_NEVER = -2
"""The version of a fact that was never told: below -1, which says that an id was never mapped."""


class RegistersChange(msgspec.Struct, frozen=True, gc=False, tag="registers"):
    """From resolve: what is known of a distinct id, told to the person that the id belonged to at `mapping_version`."""

    project: int
    person_id: bytes
    distinct_id: str
    mapping_version: int
    """-1 where the id was never mapped."""
    registers: bytes
    created_at: int
    """Microseconds: the id's earliest event that is not personless; 0 where there is none."""


class MembershipChange(msgspec.Struct, frozen=True, gc=False, tag="membership"):
    """From identify: a distinct id joined the person, or left it, by the claim at `mapping_version`."""

    project: int
    person_id: bytes
    distinct_id: str
    mapping_version: int
    joined: bool
    identified: bool
    """Whether the person is identified; without meaning where the id left."""


class Absorbed(msgspec.Struct, frozen=True, gc=False):
    """The state of a person after a change."""

    person: bytes
    changed: bool


class PersonRow(msgspec.Struct, frozen=True, gc=False):
    """What `persons` says of a person. A person that no event makes exist is a deleted row: it may come back."""

    properties: bytes
    created_at: int
    """Microseconds: the earliest event of a member that is not personless; 0 where there is none."""
    identified: bool
    is_deleted: bool
    distinct_ids: list[str]
    """Members that have a row of their own: they sent such an event, or the person is by origin another id's."""
    left_out: int = 0
    """How many properties the view has no room for: a reason to warn."""


class _Member(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What is known of one distinct id in one person. A fact older than the last departure is void."""

    own: bool
    """The person is the one the id has by itself."""
    left: int = _NEVER
    told: int = _NEVER
    """Versions: of the last departure, and of the last time identify counted the id in (and said `identified`)."""
    identified: bool = False
    sent: int = _NEVER
    """The version under which resolve last sent the two that follow."""
    registers: bytes = b""
    created_at: int = 0

    @property
    def belongs(self) -> bool:
        """Registers are sent only to the id's current person, so they tell membership as well."""
        return max(self.told, self.sent) >= self.left


_MEMBERS = msgspec.msgpack.Decoder(dict[str, _Member])


def absorb(person: bytes | None, change: RegistersChange | MembershipChange, rules: PeopleRules) -> Absorbed:
    """The state of one person (None: never heard of) after one change, which may be late or a repeat.

    Per distinct id the departure with the highest version voids all facts below it. Of those left the highest
    version wins, registers and membership each by itself: a member counted in again (its person became
    identified) keeps the registers that it sent before. At one version registers are joined and facts are kept.
    """
    members = _MEMBERS.decode(person) if person else {}
    name = change.distinct_id
    known = members.get(name) or _Member(own=change.person_id == person_id(change.project, name))
    if isinstance(change, RegistersChange):
        learned = _sent(known, change, rules)
    else:
        learned = _counted_in(known, change) if change.joined else _departed(known, change.mapping_version)
    if person and learned == known:
        return Absorbed(person, False)
    members[name] = learned
    return Absorbed(msgspec.msgpack.encode(dict(sorted(members.items()))), True)


def snapshot(person: bytes, rules: PeopleRules) -> PersonRow:
    """The person as its members make it now."""
    members = {name: member for name, member in _MEMBERS.decode(person).items() if member.belongs}
    properties, left_out = shown(joined((member.registers for member in members.values()), rules), rules)
    created_at = min((member.created_at for member in members.values() if member.created_at), default=0)
    return PersonRow(
        properties=properties,
        created_at=created_at,
        identified=any(member.identified for member in members.values()),
        is_deleted=created_at == 0,
        distinct_ids=[name for name, member in members.items() if member.created_at or not member.own],
        left_out=left_out,
    )


def audience(person: bytes) -> list[str]:
    """The distinct ids that must get the view: all members, if the person has or ever had several ids.

    Who is alone and always was knows everything already. Ids that left count: the others may still show their view.
    """
    members = _MEMBERS.decode(person)
    return [name for name, member in members.items() if member.belongs] if len(members) > 1 else []


def _sent(member: _Member, change: RegistersChange, rules: PeopleRules) -> _Member:
    version, registers, created_at = change.mapping_version, change.registers, change.created_at
    if version < max(member.sent, member.left):
        return member
    if version == member.sent:
        if registers != member.registers:
            registers = joined([member.registers, registers], rules)
        created_at = min(created_at or member.created_at, member.created_at or created_at)
    return replace(member, sent=version, registers=registers, created_at=created_at)


def _counted_in(member: _Member, change: MembershipChange) -> _Member:
    version = change.mapping_version
    if version < max(member.told, member.left):
        return member
    identified = change.identified or (version == member.told and member.identified)
    return replace(member, told=version, identified=identified)


def _departed(member: _Member, version: int) -> _Member:
    """Only what was told at that version or later is left; that includes the departure itself."""
    if version <= member.left:
        return member
    left = _Member(own=member.own, left=version)
    if member.told >= version:
        left = replace(left, told=member.told, identified=member.identified)
    if member.sent >= version:
        left = replace(left, sent=member.sent, registers=member.registers, created_at=member.created_at)
    return left
