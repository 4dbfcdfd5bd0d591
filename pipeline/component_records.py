"""The state of identify: a record for each component with its claims, one for each distinct id that names it."""

from collections.abc import Callable

import msgspec

from pipeline.identity import NEVER, Claim, Person
from pipeline.large_values import opened, put

__all__ = ["Block", "Books", "ComponentRecord", "IdRecord", "Read"]

Read = Callable[[bytes], bytes | None]


class Block(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Claims on an id up to and including `time` (microseconds) are refused; `version` is the record's position."""

    time: int
    version: int


class IdRecord(msgspec.Struct, array_like=True):
    """The record of a distinct id."""

    component: str = ""
    newest: int = NEVER
    """Timestamp of the newest claim on the id, repeats included: a split has to cover it."""
    common_partners: list[str] = []
    """Ids too common, claimed together with this one: they still count as its partners."""
    too_common: bool = False


class ComponentRecord(msgspec.Struct, array_like=True):
    """The record of a component. `told` are the verdicts given, `answered` the people."""

    name: str
    told: list[tuple[Claim, str]] = []
    blocks: dict[str, Block] = {}
    answered: dict[str, Person] = {}

    def ids(self) -> list[str]:
        ends = [end for claim, _ in self.told for end in (claim.into, claim.other) if end]
        return list(dict.fromkeys([*ends, *self.blocks]))

    def times(self) -> dict[str, int]:
        return {name: block.time for name, block in self.blocks.items()}


_NOBODY = IdRecord()
_id_decoder = msgspec.msgpack.Decoder(IdRecord)
_known_decoder = msgspec.msgpack.Decoder(ComponentRecord)
_encode = msgspec.msgpack.Encoder().encode


class Books:
    """The state records of a project, each read once; what differs in the end is what was changed."""

    __slots__ = ("_before", "_c", "_components", "_d", "_ids", "_read", "_stored")

    def __init__(self, project: int, read: Read) -> None:
        self._d, self._c = b"i%d:d" % project, b"i%d:c" % project
        self._read = read
        self._stored: dict[bytes, bytes | None] = {}
        self._before: dict[bytes, bytes | None] = {}
        self._ids: dict[str, IdRecord] = {}
        self._components: dict[str, ComponentRecord | None] = {}

    def id(self, distinct_id: str) -> IdRecord:
        state = self._ids.get(distinct_id)
        if state is None:
            found = self._look(self._d + distinct_id.encode())
            state = self._ids[distinct_id] = IdRecord() if found is None else _id_decoder.decode(found)
        return state

    def component(self, name: str) -> ComponentRecord:
        """A component by its name; a new one where there was none."""
        known = self._components.get(name)
        if known is None:
            found = self._look(self._c + name.encode())
            known = self._components[name] = ComponentRecord(name) if found is None else _known_decoder.decode(found)
        return known

    def forget_id(self, distinct_id: str) -> None:
        """The id is too common: only that fact is kept."""
        self._ids[distinct_id] = IdRecord(too_common=True)

    def put(self, known: ComponentRecord) -> None:
        self._components[known.name] = known

    def remove(self, name: str) -> None:
        self._components[name] = None

    def changes(self) -> dict[bytes, bytes | None]:
        changes: dict[bytes, bytes | None] = {}
        for distinct_id, state in self._ids.items():
            self._change(changes, self._d + distinct_id.encode(), None if state == _NOBODY else _encode(state))
        for name, known in self._components.items():
            is_empty = known is None or not (known.told or known.blocks)
            self._change(changes, self._c + name.encode(), None if is_empty else _encode(known))
        return changes

    def _change(self, changes: dict[bytes, bytes | None], key: bytes, value: bytes | None) -> None:
        if value != self._before.get(key):
            put(changes, key, self._stored[key] if key in self._stored else self._read(key), value)

    def _look(self, key: bytes) -> bytes | None:
        stored = self._stored[key] = self._read(key)
        found = self._before[key] = opened(self._read, key, stored)
        return found
