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
    shown_together,
    view,
)
from schemas.identifiers import person_id

__all__ = [
    "Members",
    "RegistersChange",
    "MembershipChange",
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
        return self.told >= self.left or self.sent >= self.left

    @property
    def seen(self) -> "_Seen":
        """What it adds to how the person looks."""
        if self.told >= self.left or self.sent >= self.left:
            return self.registers, self.created_at, self.identified, self.created_at > 0 or not self.own
        return _UNSEEN


_Seen = tuple[bytes, int, bool, bool]
"""Registers, created at, identified, and whether the distinct id has a row of its own."""
_UNSEEN: _Seen = (b"", 0, False, False)
_MEMBERS = msgspec.msgpack.Decoder(dict[str, _Member])
_encode = msgspec.msgpack.Encoder().encode


class Members:
    """Who belongs to one person, as a batch finds and leaves it: read once, changed any number of times, told once.

    Written for speed: most people have one member, and most batches one change of a person.
    """

    __slots__ = ("_before", "_in_order", "_known", "_resent", "_view_differs", "looks_different")

    def __init__(self, person: bytes | None) -> None:
        """`person` is what `encoded` gave; None where the person was never heard of."""
        self._known: dict[str, _Member] = _MEMBERS.decode(person) if person else {}
        self._before = self._in_order = len(self._known)
        self._resent: tuple[str, ...] = ()
        self._view_differs = False
        self.looks_different = False
        """Whether the snapshot may be another than before. Of who was never heard of, nobody expects anything."""

    def absorb(self, change: RegistersChange | MembershipChange, rules: PeopleRules) -> bool:
        """Work one change in, which may be late or a repeat. Returns whether it changed anything.

        Per distinct id the departure with the highest version voids all facts below it. Of those left the highest
        version wins, registers and membership each by itself: a member counted in again (its person became
        identified) keeps the registers that it sent before. At one version registers are joined and facts are kept.
        """
        name = change.distinct_id
        known = self._known.get(name)
        before = _UNSEEN if known is None else known.seen
        if known is None:
            known = _Member(change.person_id == person_id(change.project, name))
        if isinstance(change, RegistersChange):
            learned = _sent(known, change, rules)
        else:
            learned = _counted_in(known, change) if change.joined else _departed(known, change.mapping_version)
        if learned is known or learned == known:
            return False
        self._known[name] = learned
        if learned.sent != known.sent:
            self._resent = (*self._resent, name)
        seen = learned.seen
        if seen != before:
            self.looks_different = True
            self._view_differs = self._view_differs or seen[0] != before[0]
        return True

    def encoded(self) -> bytes:
        """The state of the person: the same bytes whatever the order of the changes."""
        return _encode(self._sorted())

    def snapshot(self, rules: PeopleRules) -> PersonRow:
        """The person as its members make it now."""
        parts, names, created_at, is_identified = [], [], 0, False
        for name, member in self._sorted().items():
            registers, at, identified, has_row = member.seen
            if registers:
                parts.append(registers)
            if has_row:
                names.append(name)
            if at and not 0 < created_at < at:
                created_at = at
            is_identified = is_identified or identified
        properties, left_out = shown_together(parts, rules)
        return PersonRow(properties, created_at, is_identified, created_at == 0, names, left_out)

    def audience(self) -> list[str]:
        """The distinct ids that show the view: all members, if the person has or ever had several ids.

        Who is alone and always was knows everything already. Ids that left count: the others may still show their view.
        """
        known = self._sorted()
        return [name for name, member in known.items() if member.belongs] if len(known) > 1 else []

    def unaware(self) -> list[str]:
        """Of the audience those to whom the view is news.

        If it is the one that all were told before, it is news to who has sent its registers as of another mapping: it
        may have been somebody else's when it was told, and always sends them after such a change. That is why nobody
        has to be told who is only counted in.
        """
        if self._view_differs or self._before < 2:
            return self.audience()
        known = self._known
        return [name for name in sorted(set(self._resent)) if known[name].belongs] if self._resent else []

    def _sorted(self) -> dict[str, _Member]:
        """By name."""
        if len(self._known) != self._in_order:
            self._known = dict(sorted(self._known.items()))
            self._in_order = len(self._known)
        return self._known


def _sent(member: _Member, change: RegistersChange, rules: PeopleRules) -> _Member:
    version, registers, created_at = change.mapping_version, change.registers, change.created_at
    if version < member.sent or version < member.left:
        return member
    if version == member.sent:
        if registers != member.registers:
            registers = joined([member.registers, registers], rules)
        if member.created_at and not 0 < created_at < member.created_at:
            created_at = member.created_at
    return _Member(member.own, member.left, member.told, member.identified, version, registers, created_at)


def _counted_in(member: _Member, change: MembershipChange) -> _Member:
    version = change.mapping_version
    if version < member.told or version < member.left:
        return member
    identified = change.identified or (version == member.told and member.identified)
    return _Member(member.own, member.left, version, identified, member.sent, member.registers, member.created_at)


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
