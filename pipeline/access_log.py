"""Lines of a web server's access log as events, in the combined format of Apache and nginx.

The format is Apache's `"%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-agent}i\\""`
(httpd.apache.org/docs/2.4/logs.html); the last two fields may be missing, as in the common format.
"""

import re
import uuid
from datetime import datetime
from typing import Any

import msgspec

from schemas.identifiers import LINES, uuid5

__all__ = ["as_event", "distinct_id_of"]

LINE_BYTES_MAX = 65_536
"""A longer line is no log line: servers limit a request to an eighth of it."""
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(rf"(\S+) \S+ .*? \[([^\]]+)\] {_QUOTED} (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED})?")
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)")
_REQUEST = re.compile(r"(\S+) (.+?)(?: (HTTP/[\d.]+))?")
_ESCAPE = re.compile(r'\\(?:x([0-9a-fA-F]{2})|([\\"nrtvb]))')
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "b": "\b"}
# Not from the calendar module, whose names follow the locale.
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_encode = msgspec.json.Encoder().encode


def as_event(line: bytes, token: str, site: str = "") -> bytes | None:
    """The line as an event in Headrace's own form, or None when it has not the format.

    `line` comes without its line end. Its uuid is made of its bytes, so that importing a file again adds nothing.
    `site` (`https://example.com`) is put before the path, for the log does not name it.
    """
    if len(line) > LINE_BYTES_MAX:
        return None
    try:
        found = _COMBINED.fullmatch(line.decode())
    except UnicodeDecodeError:
        return None
    when = _moment(found[2]) if found else None
    if found is None or when is None:
        return None
    address, _, request, status, size, referrer, agent = found.groups()
    properties: dict[str, Any] = {"$ip": address, "status": int(status), "bytes": 0 if size == "-" else int(size)}
    if agent not in (None, "", "-"):
        properties["$raw_user_agent"] = _unescaped(agent)
    if referrer not in (None, "", "-"):
        properties["$referrer"] = _unescaped(referrer)
    event = {
        "token": token,
        "uuid": str(uuid.UUID(bytes=uuid5(LINES, line))),
        "event": "request",
        "distinct_id": address,
        "timestamp": when,
        "historical": True,
        "properties": properties | _request(_unescaped(request), site),
    }
    return _encode(event)


def distinct_id_of(line: bytes) -> bytes:
    """The client's address: what keeps one client's lines in one partition, in their order."""
    return line.partition(b" ")[0]


def _moment(text: str) -> str | None:
    """`17/May/2015:10:05:03 +0000` as RFC 3339, or None when there is no such moment."""
    found = _TIME.fullmatch(text)
    month, odd = divmod(_MONTHS.find(found[2]), 3) if found else (-1, 0)
    if found is None or month < 0 or odd:
        return None
    day, _, year, clock, hours, minutes = found.groups()
    try:
        return datetime.fromisoformat(f"{year}-{month + 1:02}-{day}T{clock}{hours}:{minutes}").isoformat()
    except ValueError:
        return None


def _request(text: str, site: str) -> dict[str, str]:
    """Method, address and protocol. What is no request line (a client that sent nothing, or noise) is kept as such."""
    found = _REQUEST.fullmatch(text)
    if found is None:
        return {} if text in ("", "-") else {"request": text}
    method, target, protocol = found.groups()
    # Only a path belongs to the site; a proxy's request names another, and OPTIONS * names none.
    url = f"{site.rstrip('/')}{target}" if target.startswith("/") else target
    return {"method": method, "$current_url": url, **({"protocol": protocol} if protocol else {})}


def _unescaped(text: str) -> str:
    """The field as the client sent it. Bytes that are no UTF-8 stay in the log's notation: nothing is guessed."""
    if "\\" not in text:
        return text

    def plain(found: re.Match[str]) -> bytes:
        if found[1]:
            return bytes.fromhex(found[1])
        return _CONTROLS.get(found[2], found[2]).encode()

    parts: list[bytes] = []
    end = 0
    for found in _ESCAPE.finditer(text):
        parts += [text[end : found.start()].encode(), plain(found)]
        end = found.end()
    try:
        return b"".join([*parts, text[end:].encode()]).decode()
    except UnicodeDecodeError:
        return text
