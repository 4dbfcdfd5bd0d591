"""One spelling for the names of events, however the teams that send them write."""

import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Literal

import msgspec

from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["RenameEvents"]

NAMES_KEPT = 4_096
"""How many results a worker remembers: under 1 MB; a project has some hundred names."""
NAME_CHARS_MAX = 200
"""Of a new name, as long as accept lets one be unless it is told otherwise; longer ones are not remembered either."""
_CASE = Literal["keep", "snake", "camel", "pascal", "kebab", "spaces", "title"]
_APOSTROPHES = "'’"


class Config(TransformConfig, frozen=True):
    case: Annotated[
        _CASE,
        about(
            "`snake` order_paid, `camel` orderPaid, `pascal` OrderPaid, `kebab` order-paid, `spaces` order paid, "
            "`title` Order Paid, `keep` as sent."
        ),
    ] = "snake"
    names: Annotated[
        dict[str, str],
        about("Old name → new name, exactly, as sent or as spelled anew; the new names stay as they stand here."),
    ] = msgspec.field(default_factory=dict)
    split_numbers: Annotated[bool, about("Whether digits are words of their own (`step2` → `step_2`).")] = False

    def __post_init__(self) -> None:
        for old, new in self.names.items():
            if old.startswith("$") or new.startswith("$"):
                raise ValueError(f"`names` cannot rename {old!r} to {new!r}: a name with $ has a meaning on the path")
            if self.names.get(new, new) != new:
                raise ValueError(f"`names` renames {old!r} to {new!r}, and that again: give the last name at once")
            if not new:
                raise ValueError(f"`names` gives {old!r} an empty name: say what it is to be called")
            if len(new) > NAME_CHARS_MAX:
                raise ValueError(
                    f"`names` gives {old[:40]!r} a name of {len(new)} characters: at most {NAME_CHARS_MAX}"
                )


class RenameEvents(Transform[Config]):
    """Give all events names of one spelling, and chosen ones another name.

    A name is cut into words where something stands that is neither letter nor digit, where a lower-case letter is
    followed by an upper-case one, and before the last of several upper-case letters (`XMLHttp` → XML, Http). Letters
    of every script count; an apostrophe within a word falls away. Names that begin with `$` stay, and so do names
    without any letter or digit. A name that was changed stays the same when it comes again.
    """

    name = "rename_events"
    Config = Config
    examples = (
        Example(says="Snake case", before={"event": "Order Completed"}, after={"event": "order_completed"}),
        Example(
            says="Title case, and one name of its own",
            config={"case": "title", "names": {"regDone": "User Registered"}},
            before={"event": "regDone"},
            after={"event": "User Registered"},
        ),
        Example(says="Names of the path stay", before={"event": "$pageview"}, after={"event": "$pageview"}),
    )

    def open(self) -> None:
        self._as_they_stand = frozenset(self.config.names.values())
        self._rename = lru_cache(maxsize=NAMES_KEPT)(self._renamed)

    def reads(self) -> Collection[str]:
        return ()

    def __call__(self, event: OpenEvent) -> Result:
        name = event.event
        renamed = self._rename(name) if len(name) <= NAME_CHARS_MAX else self._renamed(name)
        return event if renamed == name else event.replace(event=renamed)

    def _renamed(self, name: str) -> str:
        if name.startswith("$"):
            return name
        if name in self.config.names:
            return self.config.names[name]
        if self.config.case == "keep" or name in self._as_they_stand:
            return name
        write = _WRITTEN[self.config.case]
        # "a b c" becomes aBC, whose words are others (a, BC): written again until it stays, it stays for good.
        # Every round has fewer capitals than the one before, so there are at most as many as letters.
        for _ in range(len(name)):
            written = write(_words(name, self.config.split_numbers))
            if written in ("", name):
                break
            name = written
        return self.config.names.get(name, name)


def _words(name: str, split_numbers: bool) -> list[str]:
    """The words of a name, as they are written in it."""
    words: list[str] = []
    start, end = 0, len(name)
    kinds = [_kind(name, place) for place in range(end)]
    for place in range(1, end + 1):
        if place == end or _begins_word(name, kinds, place, split_numbers):
            word = "".join(name[at] for at in range(start, place) if kinds[at] not in "-'")
            if word:
                words.append(word)
            start = place
    return words


def _kind(name: str, place: int) -> str:
    """A capital (U), another letter (l), a digit (d), a mark (m), an apostrophe in a word ('), or none of them (-)."""
    character = name[place]
    if character.isupper() or character.istitle():
        return "U"
    if character.isdigit():
        return "d"
    if character.isalnum():
        return "l"
    if unicodedata.category(character).startswith("M"):
        return "m"
    inside = 0 < place < len(name) - 1 and name[place - 1].isalpha() and name[place + 1].isalpha()
    return "'" if character in _APOSTROPHES and inside else "-"


def _begins_word(name: str, kinds: list[str], place: int, split_numbers: bool) -> bool:
    before, here = kinds[place - 1], kinds[place]
    if "-" in (before, here):
        return True
    if split_numbers and "d" in (before, here) and before != here:
        return True
    if here != "U" or before == "'":
        return False
    if before != "U":
        return True
    # The last of several capitals begins a word if it goes on in lower case; the s of "IDs" is no such word.
    after = "".join(kinds[place + 1 : place + 3])
    return after.startswith(("l", "m")) and (name[place + 1] != "s" or after == "ll")


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:].lower()


_WRITTEN: dict[str, Callable[[list[str]], str]] = {
    "snake": lambda words: "_".join(words).lower(),
    "kebab": lambda words: "-".join(words).lower(),
    "spaces": lambda words: " ".join(words).lower(),
    "camel": lambda words: "".join([word.lower() for word in words[:1]] + [_capital(word) for word in words[1:]]),
    "pascal": lambda words: "".join(map(_capital, words)),
    "title": lambda words: " ".join(map(_capital, words)),
}
