"""What an event's properties say about who it is and which visit it belongs to, read once, in accept.

Everything else in the properties stays unread. Most events say nothing of the kind, and their marks are empty bytes.
"""

from functools import lru_cache
from typing import Any

import msgspec

from schemas.json_text import encoded

__all__ = [
    "CLAIM_EVENTS",
    "CLAIMING",
    "MARKING",
    "OTHER_CHARS_MAX",
    "SESSION_CHARS_MAX",
    "Marks",
    "marks_of",
    "read_marks",
]

CLAIM_EVENTS = {"$identify": 1, "$create_alias": 2, "$merge_dangerously": 3}
"""Events that say that two distinct ids are one person, with the kind of their claim (pipeline/identity.py)."""
MARKING = ("$session_id", "$process_person_profile")
"""Names of properties that mark an event of any name; those of a claim mark only the events of claims."""
CLAIMING = ("$anon_distinct_id", "alias")
"""Those of a claim: each holds the other distinct id."""
OTHER_CHARS_MAX = 1_000
"""More of another distinct id is not kept: it is far too long to be one, which the rest says as well."""
SESSIONS_KEPT = 16_384
"""A session has dozens of events; of so many the marks are remembered."""
SESSION_CHARS_MAX = 200
"""A longer `$session_id` is none: the event's session is derived like any other's."""


class Marks(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Of one event."""

    claim: int = 0
    """The kind of the claim, 0 for none."""
    other: str = ""
    """The other distinct id of the claim, empty where an `$identify` names none. Of an object or a list, its text; of
    what is too long to be an id, the beginning."""
    session: str = ""
    """The session its sender named."""
    personless: bool = False
    """`$process_person_profile` is false: the event is about nobody."""


class _Sent(msgspec.Struct, gc=False):
    anonymous: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="$anon_distinct_id")
    alias: msgspec.Raw = msgspec.Raw()
    session: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="$session_id")
    profile: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="$process_person_profile")


class _Ordinary(msgspec.Struct, gc=False):
    """Of an event that claims nothing; clients for browsers name the session in each."""

    session: Any = msgspec.field(default="", name="$session_id")
    profile: Any = msgspec.field(default=None, name="$process_person_profile")


_sent = msgspec.json.Decoder(_Sent).decode
_ordinary = msgspec.json.Decoder(_Ordinary).decode
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Marks).decode
_NOTHING = Marks()


def marks_of(event: str, properties: bytes) -> bytes:
    """The marks of an event with this name and these properties (the text of a JSON object); empty for none.

    A claim without its other id is one only for `$identify`, which says that somebody has logged in.
    """
    if event not in CLAIM_EVENTS:
        try:
            said = _ordinary(properties)
        except msgspec.DecodeError:
            pass  # a number that nothing holds
        else:
            if type(said.session) is str and len(said.session) <= SESSION_CHARS_MAX:
                return _ordinary_marks(said.session, said.profile is False)
    sent = _sent(properties)
    claim = CLAIM_EVENTS.get(event, 0)
    other = _text(sent.anonymous if claim == 1 else sent.alias)[0][:OTHER_CHARS_MAX] if claim else ""
    if claim > 1 and not other:
        claim = 0
    session, is_text = _text(sent.session)
    if not is_text or len(session) > SESSION_CHARS_MAX:
        session = ""
    marks = Marks(claim, other, session, bytes(sent.profile) == b"false")
    return b"" if marks == _NOTHING else _encode(marks)


@lru_cache(maxsize=SESSIONS_KEPT)
def _ordinary_marks(session: str, personless: bool) -> bytes:
    return _encode(Marks(0, "", session, personless)) if session or personless else b""


def read_marks(marks: bytes) -> Marks:
    """The marks back."""
    return _decode(marks) if marks else _NOTHING


def _text(value: msgspec.Raw) -> tuple[str, bool]:
    """A value as a text, as distinct ids are read: numbers become theirs; and whether it is neither object nor list."""
    sent = bytes(value)
    if not sent or sent == b"null":
        return "", True
    if sent[0] in b"{[":
        return sent.decode(), False
    try:
        found: Any = msgspec.json.decode(sent)
    except msgspec.DecodeError:
        return sent.decode(), True  # a number that nothing holds is spelled as sent
    return found if isinstance(found, str) else encoded(found).decode(), True
