"""What a distinct id or a person is known by: per property the latest `$set` or `$unset` and the earliest `$set_once`.

Nothing here is a "last value received". Both registers of a property are the extreme of (timestamp, event uuid), so
events may come in any order and any number of times, and the join of several ids' registers is exact: nothing is
lost by it, and an id that leaves takes along exactly what it brought.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated

import msgspec

from pipeline.stamped import Register, Registers, Stamped, decode_registers, encode_registers, join_register

__all__ = [
    "learn",
    "joined",
    "view",
    "shown",
    "shown_together",
    "told",
    "overlaid",
    "encode_registers",
    "decode_registers",
    "PeopleRules",
    "PropertyEvent",
    "Learned",
    "TOO_LARGE",
    "TOO_MANY",
]

TOO_LARGE = "person_property_too_large"
TOO_MANY = "too_many_person_properties"
"""The codes of the warnings; both are about single properties, the event itself goes on."""


class PeopleRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is kept about a distinct id and about a person."""

    keys_max: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000
    """The smallest names ever used are kept, unset ones too: the only choice that no order of arrival can change."""
    value_bytes_max: Annotated[int, msgspec.Meta(ge=1, le=524_288)] = 16_384
    """A larger value (or name) is refused by its event alone: a document or an image, which nobody filters by."""
    bytes_max: Annotated[int, msgspec.Meta(ge=1, le=524_288)] = 65_536
    """Names behind which smaller ones fill so many bytes are not kept, each counted with its largest value ever: what
    is known of a person is told to each of its distinct ids and travels with its events (docs/decisions/0018)."""
    view_bytes_max: Annotated[int, msgspec.Meta(ge=2, le=1_048_576)] = 131_072
    """The view travels with every event: it is filled in the order of the names up to here."""
    told_bytes_max: Annotated[int, msgspec.Meta(ge=65_536, le=1_048_576)] = 1_048_576
    """A person's distinct ids are told the view, each of them: with so many that this would be more, less of it."""


_DEFAULT = PeopleRules()


class PropertyEvent(msgspec.Struct, frozen=True, gc=False):
    """What one event says about its person; personless events are left out by the caller."""

    timestamp: int
    """Microseconds since 1970 (UTC)."""
    uuid: bytes
    set: bytes = b""
    set_once: bytes = b""
    """JSON objects, and below a JSON array of names; empty bytes where the event has none."""
    unset: bytes = b""


class Learned(msgspec.Struct, frozen=True, gc=False):
    """The registers after some events, and what was refused: (index of the event, code, message)."""

    registers: bytes
    changed: bool
    warnings: list[tuple[int, str, str]]
    known: Registers
    """The registers, not encoded; empty where no event said anything."""

    def view(self, rules: PeopleRules) -> bytes:
        """See `view`; spares decoding what has just been encoded."""
        return _shown(self.known, rules)[0]


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAMES = msgspec.json.Decoder(list[str])
_encode = msgspec.json.Encoder(order="sorted").encode


def learn(registers: bytes, events: Sequence[PropertyEvent], rules: PeopleRules) -> Learned:
    """The registers of one distinct id after its events, given in any order.

    `registers` as `encode_registers` gives them, empty bytes for a new id. Raises msgspec.DecodeError where an
    event's JSON is not what accept lets through: a bug, not a bad record.
    """
    known: Registers | None = None
    warnings: list[tuple[int, str, str]] = []
    for index, event in enumerate(events):
        if event.set or event.set_once or event.unset:
            known = decode_registers(registers) if known is None else known
            refused = _take(known, event, rules) + _forget_largest(known, rules)
            warnings += [(index, code, message) for code, message in refused]
    text = registers if known is None else encode_registers(known)
    return Learned(text, text != registers, warnings, known or {})


def joined(parts: Sequence[bytes], rules: PeopleRules) -> bytes:
    """The join of encoded registers: associative, commutative, idempotent, and never over `keys_max` names."""
    if not parts:
        return b""
    registers = decode_registers(parts[-1])
    # Mostly the last one is the newest of one distinct id, and knows all that the others know.
    if not _added(registers, parts[:-1]):
        return parts[-1]
    _forget_largest(registers, rules)
    return encode_registers(registers)


def view(registers: bytes, rules: PeopleRules) -> bytes:
    """The current values as the text of a JSON object, in order of the names; see `shown`."""
    return shown(registers, rules)[0]


def shown(registers: bytes, rules: PeopleRules) -> tuple[bytes, int]:
    """The view, and how many properties it has no room for within `view_bytes_max` (a reason to warn).

    The first property without room ends it: what is missing comes after everything that is there.
    """
    return _shown(decode_registers(registers), rules)


def shown_together(parts: Sequence[bytes], rules: PeopleRules) -> tuple[bytes, int]:
    """What `shown` gives for the join of these registers, which nobody needs encoded."""
    if not parts:
        return b"{}", 0
    registers = decode_registers(parts[0])
    if _added(registers, parts[1:]):
        _forget_largest(registers, rules)
    return _shown(registers, rules)


def told(view: bytes, count: int, rules: PeopleRules) -> bytes:
    """What each of so many distinct ids is told of a view: all of it, or as much as leaves room for the others.

    A thousand ids of a person with 64 KiB of properties would be told 64 MB whenever one of them sets anything, and
    resolve would keep them.
    """
    bytes_max = rules.told_bytes_max // max(1, count)
    return view if len(view) <= bytes_max else _text(_OBJECT.decode(view), bytes_max)[0]


def overlaid(view: bytes, set: bytes, set_once: bytes, unset: bytes, rules: PeopleRules = _DEFAULT) -> bytes:
    """An event's own changes over a view (empty bytes: none yet), within the same limits: what the event carries.

    A view does not tell an unset property from an unknown one, so `set_once` may show one again, in this event only.
    """
    if not (set or set_once or unset):
        return view or b"{}"
    values: dict[str, msgspec.Raw] = {}
    if set_once:
        values.update(_allowed(set_once, rules)[0])
    if view:
        values.update(_OBJECT.decode(view))
    if set:
        values.update(_allowed(set, rules)[0])
    for name in _names(unset):
        values.pop(name, None)
    if len(values) > rules.keys_max:
        values = {name: values[name] for name in sorted(values)[: rules.keys_max]}
    return _text(values, rules.view_bytes_max)[0]


def _added(registers: Registers, parts: Sequence[bytes]) -> bool:
    """Join more into the registers; returns whether that changed them."""
    added = False
    for part in parts:
        for name, register in decode_registers(part).items():
            added = join_register(registers, name, register) or added
    return added


def _shown(known: Registers, rules: PeopleRules) -> tuple[bytes, int]:
    # After `$unset` only `$set` brings a property back: an unset one hides the earliest `$set_once` too.
    values = {}
    for name, register in known.items():
        one = register.latest or register.earliest
        if one is not None and one.value is not None:
            values[name] = msgspec.Raw(one.value)
    return _text(values, rules.view_bytes_max)


def _take(known: Registers, event: PropertyEvent, rules: PeopleRules) -> list[tuple[str, str]]:
    """Write one event into the registers; returns what was refused. In one event unset beats set."""
    timestamp, uuid = event.timestamp, event.uuid
    refused: list[str] = []
    gone = _names(event.unset)
    if event.set:
        latest, refused = _allowed(event.set, rules)
        for name in gone:
            latest.pop(name, None)
        for name, raw in latest.items():
            value = bytes(raw)
            join_register(known, name, Register(Stamped(timestamp, uuid, value), None, len(value)))
    if event.set_once:
        earliest, also_refused = _allowed(event.set_once, rules)
        refused = refused + also_refused
        for name, raw in earliest.items():
            value = bytes(raw)
            join_register(known, name, Register(None, Stamped(timestamp, uuid, value), len(value)))
    for name in gone:
        if _fits(name, rules):
            join_register(known, name, Register(Stamped(timestamp, uuid, None), None, 0))
        else:
            refused = [*refused, name]
    return [(TOO_LARGE, _too_large(name, rules)) for name in refused]


def _too_large(name: str, rules: PeopleRules) -> str:
    limit = f"{rules.value_bytes_max} bytes (people.value_bytes_max)"
    return f"the person property {name[:100]!r} is over {limit}: shorten it, or send it as an event property"


def _allowed(text: bytes, rules: PeopleRules) -> tuple[dict[str, msgspec.Raw], list[str]]:
    """The properties of a JSON object that are within the limits, and the names of the others."""
    sent = _OBJECT.decode(text)
    most = rules.value_bytes_max
    if len(text) <= most:
        return sent, []
    refused = [name for name, value in sent.items() if len(bytes(value)) > most or not _fits(name, rules)]
    return {name: value for name, value in sent.items() if name not in refused}, refused


def _names(text: bytes) -> list[str]:
    return _NAMES.decode(text) if text else []


def _fits(name: str, rules: PeopleRules) -> bool:
    return len(name.encode()) <= rules.value_bytes_max


def _forget_largest(known: Registers, rules: PeopleRules) -> list[tuple[str, str]]:
    """Keep the smallest names only: so many, and none behind which others have filled the room.

    A name once dropped has enough smaller ones for good, for these never leave and their weights only grow: it is
    never missed, and who joins the registers of several ids drops what one of them has dropped. Its own weight has
    no part in that: it would be forgotten with it.
    """
    if len(known) <= rules.keys_max:
        weight = 0
        for name, one in known.items():
            weight += len(name) + one.weight
        if weight <= rules.bytes_max:
            return []
    names = sorted(known)
    kept = weight = 0
    for name in names[: rules.keys_max]:
        if weight > rules.bytes_max:
            break
        weight += len(name) + known[name].weight
        kept += 1
    dropped = names[kept:]
    for name in dropped:
        del known[name]
    if not dropped:
        return []
    limits = (
        f"{rules.keys_max} person properties (people.keys_max) or {rules.bytes_max} bytes of them (people.bytes_max)"
    )
    message = f"over {limits}: {len(dropped)} not kept, from {dropped[0][:100]!r} on; use fewer names, shorter values"
    return [(TOO_MANY, message)]


def _text(values: dict[str, msgspec.Raw], bytes_max: int) -> tuple[bytes, int]:
    """A JSON object of as many values as fit, in order of the names, and how many do not."""
    text = _encode(values)
    if len(text) <= bytes_max or not values:
        return text, 0
    pieces = [_encode({name: values[name]})[1:-1] for name in sorted(values)]
    sizes = accumulate((len(piece) + 1 for piece in pieces), initial=1)  # and a comma, or the last brace
    room = sum(size <= bytes_max for size in sizes) - 1
    return b"{%s}" % b",".join(pieces[:room]), len(pieces) - room
