"""Which distinct ids stand for nobody in particular: unrelated people may share them, so they never merge anybody."""

import re

import msgspec

from schemas.json_text import encoded

__all__ = ["is_illegal", "means_nobody", "text_of"]

# fmt: off
_NOBODY = frozenset((
    "", "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email", "undefined",
    "true", "false", "null", "none", "nan", "0", "[object object]",
))
# fmt: on
"""What programs write where they know nobody; the empty text stands for a blank one."""
_CHARS_MAX = 200
_BROKEN = re.compile("[\x00\ufffd\ud800-\udfff]")
"""NUL, and the character that accept puts in place of NUL and of half a surrogate pair; such halves themselves."""


def is_illegal(distinct_id: object) -> bool:
    """Whether an id never merges because unrelated people may share it, in whatever type or spelling it came.

    Case, surrounding blanks and one pair of quotes make no difference. Objects and arrays are illegal as values
    and as the JSON text that accept makes of them.
    """
    text = text_of(distinct_id)
    if len(text) > _CHARS_MAX or _BROKEN.search(text):
        return True
    bare = _bare(text)
    return bare.lower() in _NOBODY or _is_object_or_array(bare)


def means_nobody(distinct_id: object) -> bool:
    """Whether an id is one of the words that programs write where they know nobody."""
    text = text_of(distinct_id)
    return len(text) <= _CHARS_MAX and _bare(text).lower() in _NOBODY


def text_of(distinct_id: object) -> str:
    """A distinct id as text: numbers and all else that is not a text become their JSON."""
    return distinct_id if isinstance(distinct_id, str) else encoded(distinct_id).decode()


def _bare(text: str) -> str:
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        bare = bare[1:-1].strip()
    return bare


def _is_object_or_array(text: str) -> bool:
    """A UUID in braces is none, so it takes a parser to tell."""
    if text[0] not in "{[":
        return False
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
