"""Avro schemas by id: a folder of files, or a registry that speaks Confluent's protocol.

A folder is read once, at start. A registry is asked for an id when a batch first names it; while it does not
answer the batch waits. An id it does not know is remembered for a minute, so that garbage cannot hammer it.
"""

import base64
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from schemas.avro import AvroSchema, parse_schema, schema_ids
from schemas.outcomes import ConfigError, Retry

__all__ = ["Registry"]

UNKNOWN_FOR_S = 60.0
TIMEOUT_S = 5.0
RETRY_S = 1.0
UNKNOWN_MAX = 10_000
"""Ids remembered as unknown: garbage has four billion of them."""
ID_MAX = 2**31 - 1
"""Registries number schemas with 32 bits and a sign. Some answer to a greater id that the request is wrong, not that
there is no such schema: garbage with one would make its partition wait for ever."""
_FILE = re.compile(r"(\d+)(?:-.*)?\.avsc")


class Registry:
    """`known` maps ids to schemas; it grows while the process lives."""

    def __init__(self, where: str) -> None:
        """`where` is a folder or an http(s) address, which may carry a user and a password; "" knows nothing."""
        self.known: dict[int, AvroSchema] = {}
        self._url = ""
        self._headers: dict[str, str] = {"Accept": "application/vnd.schemaregistry.v1+json"}
        self._unknown_until: dict[int, float] = {}
        if where.startswith(("http://", "https://")):
            self._url = self._without_credentials(where)
        elif where:
            self._read_folder(Path(where))

    def missing(self, values: Iterable[bytes | None]) -> set[int]:
        """Ids that `fetch` should be asked for."""
        if not self._url:
            return set()
        now_s = time.monotonic()
        wanted = schema_ids(values) - self.known.keys()
        return {number for number in wanted if number <= ID_MAX and self._unknown_until.get(number, 0.0) < now_s}

    def fetch(self, ids: set[int]) -> None:
        """Ask the registry. Blocks; raises Retry when it does not answer as it should."""
        for number in sorted(ids):
            schema = self._asked(number)
            if schema is not None:
                self.known[number] = schema
                continue
            if len(self._unknown_until) >= UNKNOWN_MAX:
                self._unknown_until.clear()
            self._unknown_until[number] = time.monotonic() + UNKNOWN_FOR_S

    def _asked(self, number: int) -> AvroSchema | None:
        """The schema; None where the registry has none of that id, or none that events can be read with."""
        request = urllib.request.Request(f"{self._url}/schemas/ids/{number}", headers=self._headers)  # noqa: S310 - http(s) only, checked at start
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - likewise
                content = json.load(answer)
        except urllib.error.HTTPError as problem:
            with problem:
                if problem.code == 404:
                    return None
                raise Retry(
                    f"the schema registry answers {problem.code} for id {number}: check the setting `registry`", RETRY_S
                ) from problem
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise Retry(
                f"the schema registry does not answer ({type(problem).__name__}): check the setting `registry`", RETRY_S
            ) from problem
        if not isinstance(content, dict) or not isinstance(content.get("schema"), str):
            raise Retry("what answers is no schema registry: check the setting `registry`", RETRY_S)
        try:
            return parse_schema(json.loads(content["schema"]))
        except ValueError:
            return None  # Protobuf, JSON Schema, references, or one that is not safe to read with

    def _without_credentials(self, address: str) -> str:
        """The address as it may be asked and shown; the user and the password go into a header."""
        parts = urlsplit(address)
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}".rstrip("/")

    def _read_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError(f"registry {str(folder)!r} is neither a folder nor an http(s) address", "registry")
        for file in sorted(folder.glob("*.avsc")):
            named = _FILE.fullmatch(file.name)
            if not named:
                raise ConfigError("a schema file is called <id>.avsc or <id>-name.avsc", str(file))
            try:
                definition: Any = json.loads(file.read_text())
                self.known[int(named[1])] = parse_schema(definition)
            except ValueError as problem:
                raise ConfigError(f"events cannot be read with it: {problem}", str(file)) from problem
