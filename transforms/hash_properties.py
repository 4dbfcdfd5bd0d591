"""Values become keyed hashes: equal values stay equal, and nobody without the key can tell what they were."""

import hashlib
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from schemas.canonical_json import canonical
from schemas.distinct_ids import is_illegal, means_nobody, text_of
from schemas.event_parts import ValuePart, revalued_at
from schemas.property_paths import GONE, paths_of
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["HashProperties", "keyed_hash"]

KEY_BYTES_MIN = 32
"""As long as what SHA-256 gives: RFC 2104, section 3, discourages shorter ones."""
HASHES_KEPT = 16_384
"""How many texts a worker remembers the hash of: some 5 MB, and an id comes with many events."""
_REMEMBERED_CHARS_MAX = 200
_BLOCK_BYTES = 64
_CLAIMED = ("$anon_distinct_id", "alias")
_EXAMPLE_KEY = "only-for-this-page-0123456789abcdef"


class Config(TransformConfig, frozen=True):
    key: Annotated[str, about("At least 32 bytes that nobody can guess: `openssl rand -hex 32`.", secret=True)]
    properties: Annotated[tuple[str, ...], about("Which: names, paths such as `user.email`, patterns such as `pii_*`.")]
    parts: Annotated[tuple[ValuePart, ...], about("Where in the event they are looked for.", min_length=1)] = (
        "properties",
        "$set",
        "$set_once",
    )
    prefix: Annotated[str, about("What every hash begins with.", max_length=32)] = ""
    length: Annotated[
        int, about("How many hex digits stay; with n of them, 2**(2n) values hardly collide.", ge=16, le=64)
    ] = 64
    skip_hashed: Annotated[bool, about("Leave what already looks like such a hash; needs a `prefix`.")] = False
    distinct_id: Annotated[bool, about("Hash the distinct id as well, and every property in `id_properties`.")] = False
    id_properties: Annotated[tuple[str, ...], about("Properties that hold distinct ids; used with `distinct_id`.")] = (
        *_CLAIMED,
        "distinct_id",
        "$distinct_id",
        "$device_id",
        "$user_id",
    )

    def __post_init__(self) -> None:
        paths_of(self.properties)
        if len(self.key.encode("utf-8", "surrogatepass")) < KEY_BYTES_MIN:
            raise ValueError(f"key has less than {KEY_BYTES_MIN} bytes: make one with `openssl rand -hex 32`")
        if self.skip_hashed and not self.prefix:
            raise ValueError("skip_hashed needs a prefix: without one, nothing tells a hash from another text")
        if not self.properties and not self.distinct_id:
            raise ValueError("there is nothing to hash: name properties, or set distinct_id")
        missing = [name for name in _CLAIMED if name not in self.id_properties]
        if self.distinct_id and missing:
            raise ValueError(f"id_properties lacks {' and '.join(missing)}: without, nobody would be recognized")


class HashProperties(Transform[Config]):
    """Replace values by a keyed hash: they can still be counted, grouped and joined, but no longer read.

    The hash is HMAC-SHA-256 (RFC 2104, RFC 6234) under your key, in hex. Appending a salt and hashing once would
    be weaker: HMAC is built so that hashes tell nothing about the key, and values cannot be shifted into the salt.
    Whoever has the key can try out guesses, so keep it as you keep passwords. Another key gives other hashes:
    what was hashed before no longer matches.

    A text is hashed as its UTF-8 bytes, everything else as its canonical JSON text (RFC 8785, except that integers
    keep all digits): the number 42 and the text "42" have the same hash, and so have two spellings of one object.
    null says that there is no value, and stays. Nothing is trimmed or lowercased before: normalize first.

    A path goes through objects and through every item of a list: `users.email`. What a path names is hashed whole,
    also when it is an object or a list.

    Hashing twice is not hashing once: the hash is hashed again. With `skip_hashed`, a value stays that has the prefix
    and then as many hex digits as a hash would. Senders can write such texts, too; they stay as they came.

    With `distinct_id`, the ids in `$identify` and alias events (`$anon_distinct_id`, `alias`) are hashed the same way,
    so the same people are recognized. A word that programs write where they know nobody (`anonymous`, `null`, `0`, …)
    stays as it is, and any other id that may not merge people becomes a list with its hash: hashed to an ordinary text,
    such ids would make one person of many.
    """

    name = "hash_properties"
    Config = Config
    privacy = True
    examples = (
        Example(
            says="A property and one inside of a list; the event's and the person's",
            config={"key": _EXAMPLE_KEY, "properties": ["email", "guests.email"], "length": 16},
            before={
                "properties": {"email": "ada@example.com", "guests": [{"email": "bob@example.com", "vip": True}]},
                "$set": {"email": "ada@example.com", "plan": "pro"},
            },
            after={
                "properties": {"email": "61213f50962f29e9", "guests": [{"email": "c313832d610adfcd", "vip": True}]},
                "$set": {"email": "61213f50962f29e9", "plan": "pro"},
            },
        ),
        Example(
            says="Distinct ids, with a prefix that tells hashes apart",
            config={
                "key": _EXAMPLE_KEY,
                "properties": [],
                "distinct_id": True,
                "prefix": "h_",
                "length": 16,
                "skip_hashed": True,
            },
            before={
                "event": "$identify",
                "distinct_id": "ada@example.com",
                "properties": {"$anon_distinct_id": "h_0123456789abcdef", "$device_id": "laptop"},
            },
            after={
                "distinct_id": "h_61213f50962f29e9",
                "properties": {"$anon_distinct_id": "h_0123456789abcdef", "$device_id": "h_9c40e2c67d63bbc3"},
            },
        ),
    )

    def open(self) -> None:
        config = self.config
        self._paths = paths_of(config.properties)
        self._ids = config.id_properties if config.distinct_id else ()
        inner, outer = _prepared(config.key.encode("utf-8", "surrogatepass"))
        form = re.escape(config.prefix) + f"[0-9a-f]{{{config.length}}}"
        self._is_hash = re.compile(rf'{form}|\["{form}"\]').fullmatch if config.skip_hashed else None

        def hashed(text: str) -> str:
            if self._is_hash and self._is_hash(text):
                return text
            digest = _digest(inner, outer, text.encode("utf-8", "surrogatepass"))
            return config.prefix + digest[: config.length]

        self._hashed = hashed
        self._remembered = lru_cache(maxsize=HASHES_KEPT)(hashed)
        self._remembered_id = lru_cache(maxsize=HASHES_KEPT)(self._id_of)

    def reads(self) -> Collection[str] | None:
        return None if self._paths.tops is None else self._paths.tops.union(self._ids)

    def __call__(self, event: OpenEvent) -> Result:
        result = revalued_at(event, self.config.parts, self._paths, self._value)
        if not self._ids:
            return result
        distinct_id = text_of(self._id(event.distinct_id))
        ids = {name: self._claimed(value) for name in self._ids if (value := event.get(name, GONE)) is not GONE}
        if any(result.get(name) != value for name, value in ids.items()):
            result = result.adding(ids)
        return result if distinct_id == event.distinct_id else result.replace(distinct_id=distinct_id)

    def _value(self, value: Any) -> Any:
        if value is None:
            return None
        text = value if isinstance(value, str) else canonical(value)
        new = self._remembered(text) if len(text) <= _REMEMBERED_CHARS_MAX else self._hashed(text)
        return value if new == value else new

    def _claimed(self, value: Any) -> Any:
        """An id in a property, which may have any type; it counts as its text."""
        if value is None:
            return None
        text = text_of(value)
        new = self._id(text)
        return value if new == text else new

    def _id(self, text: str) -> str | list[str]:
        new = self._remembered_id(text) if len(text) <= _REMEMBERED_CHARS_MAX else self._id_of(text)
        # A list is handed out to whoever changes the event next.
        return [*new] if isinstance(new, list) else new

    def _id_of(self, text: str) -> str | list[str]:
        """Of an id that may merge people, its hash; any other stays one that may not."""
        if means_nobody(text) or (self._is_hash and self._is_hash(text)):
            return text
        new = self._hashed(text)
        return [new] if is_illegal(text) else new


def keyed_hash(key: bytes, data: bytes) -> str:
    """HMAC-SHA-256 in 64 hex digits."""
    return _digest(*_prepared(key), data)


def _prepared(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """Both hashes of RFC 2104, section 2, with the key already in them: it costs a third of hmac.digest."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\x00")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in block)), hashlib.sha256(bytes(byte ^ 0x5C for byte in block))


def _digest(inner: "hashlib._Hash", outer: "hashlib._Hash", data: bytes) -> str:
    first, second = inner.copy(), outer.copy()
    first.update(data)
    second.update(first.digest())
    return second.hexdigest()
