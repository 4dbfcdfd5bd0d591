"""E-mail addresses in one spelling, as the services ask that match people by the hash of it."""

import re
import unicodedata
from collections.abc import Collection
from functools import _CacheInfo, lru_cache
from typing import Any

import idna

from schemas.respelling import Invalid, Misspelt, respelled
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about, refused

__all__ = ["NormalizeEmail"]

ADDRESSES_KEPT = 16_384
"""How many addresses a worker remembers: some 4 MB."""
ADDRESS_CHARS_MAX = 320
"""64 for the mailbox and 255 for the domain (RFC 5321, 4.5.3.1)."""
_LOCAL_BYTES_MAX = 64
_DOMAIN_CHARS_MAX = 253
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NO_MAILBOX = re.compile(r"[\s\x00-\x1f\x7f@<>(),;:\\\"\[\]]")
"""What a mailbox holds only in quotes (RFC 5322, 3.2.3), which nobody's does."""
_GMAIL = frozenset({"gmail.com", "googlemail.com"})


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Which properties hold e-mail addresses.")] = ("email",)
    gmail_dots: Annotated[
        bool, about("Remove dots before @gmail.com and @googlemail.com, which Gmail does not look at.")
    ] = False
    gmail_suffix: Annotated[bool, about("Remove +something before @gmail.com and @googlemail.com as well.")] = False
    invalid: Annotated[
        Invalid,
        about("What becomes of a value that is no address: it stays, it goes, or the event is rejected."),
    ] = "keep"


class NormalizeEmail(Transform[Config]):
    """Write e-mail addresses in one way, so that the same mailbox is the same text, and the same hash.

    Spaces around it go and letters become small, in the mailbox as well: no provider that matters tells mailboxes
    apart by that. A domain in other scripts becomes the ASCII form that mail servers use (IDNA 2008 with the mapping
    of UTS 46, so that `straße` and `strasse` stay two domains). With `gmail_dots` and `gmail_suffix` the spellings
    that reach the same Gmail mailbox become one; the domain itself stays. Looked for in the event's properties, in
    `$set` and in `$set_once`. Only a plain address counts: no display name, no quotes, a domain with a dot. Null and
    empty texts say nothing and stay. To keep addresses from being stored, put `hash_properties` after it.
    """

    name = "normalize_email"
    Config = Config
    examples = (
        Example(
            says="Spaces and capital letters",
            before={"properties": {"email": " John_Smith@Gmail.com "}},
            after={"properties": {"email": "john_smith@gmail.com"}},
        ),
        Example(
            says="The same Gmail mailbox, and a domain with an umlaut",
            config={"properties": ["email", "work_email"], "gmail_dots": True, "gmail_suffix": True},
            before={"$set": {"email": "ada.lovelace+news@gmail.com", "work_email": "ada@bücher.example"}},
            after={"$set": {"email": "adalovelace@gmail.com", "work_email": "ada@xn--bcher-kva.example"}},
        ),
    )

    def open(self) -> None:
        self._known = lru_cache(maxsize=ADDRESSES_KEPT)(self._read)

    def cache_info(self) -> _CacheInfo:
        """How often an address was known already: hits, misses, size."""
        return self._known.cache_info()

    def reads(self) -> Collection[str]:
        return self.config.properties

    def __call__(self, event: OpenEvent) -> Result:
        try:
            return respelled(event, self.config.properties, self._address, self.config.invalid)
        except Misspelt as found:
            return refused(f"{found} holds no e-mail address: send it like ada@example.org, or leave it out")

    def _address(self, value: Any) -> str | None:
        return self._known(value) if isinstance(value, str) and len(value) <= ADDRESS_CHARS_MAX else None

    def _read(self, text: str) -> str | None:
        local, at, domain = unicodedata.normalize("NFC", text.strip()).lower().rpartition("@")
        local = unicodedata.normalize("NFC", local)
        ascii_domain = _ascii_domain(domain)
        if not at or ascii_domain is None or not _is_mailbox(local):
            return None
        if ascii_domain in _GMAIL:
            local = self._gmail(local)
        return f"{local}@{ascii_domain}" if local else None

    def _gmail(self, local: str) -> str:
        if self.config.gmail_suffix:
            local = local.partition("+")[0]
        return local.replace(".", "") if self.config.gmail_dots else local


def _is_mailbox(local: str) -> bool:
    if not local or len(local.encode()) > _LOCAL_BYTES_MAX:
        return False
    return not _NO_MAILBOX.search(local)


def _ascii_domain(domain: str) -> str | None:
    """As mail servers write it; None for what is no domain name."""
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True, std3_rules=True).decode()
        except UnicodeError:
            return None
    return domain if len(domain) <= _DOMAIN_CHARS_MAX and _DOMAIN.fullmatch(domain) else None
