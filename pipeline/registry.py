"""Avro schemas by id: a folder of files, or a registry that speaks Confluent's protocol.

A folder is read once, at start. A registry is asked for an id when a batch first names it; while it does not
answer the batch waits. An id it does not know is remembered for a minute, so that garbage cannot hammer it.
"""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fastavro

from schemas.avro import AvroSchema, parse_schema, schema_ids
from schemas.outcomes import ConfigError, Retry

__all__ = ["Registry"]

UNKNOWN_FOR_S = 60.0
TIMEOUT_S = 5.0
UNKNOWN_MAX = 10_000
"""Ids remembered as unknown: garbage has four billion of them."""
_FILE = re.compile(r"(\d+)(?:-.*)?\.avsc")


class Registry:
    """`known` maps ids to schemas; it grows while the process lives."""

    def __init__(self, where: str) -> None:
        self.known: dict[int, AvroSchema] = {}
        self._url = where.rstrip("/") if where.startswith(("http://", "https://")) else ""
        self._unknown_until: dict[int, float] = {}
        if where and not self._url:
            self._read_folder(Path(where))

    def missing(self, values: Iterable[bytes | None]) -> set[int]:
        """Ids that `fetch` should be asked for."""
        if not self._url:
            return set()
        now_s = time.monotonic()
        wanted = schema_ids(values) - self.known.keys()
        return {number for number in wanted if self._unknown_until.get(number, 0.0) < now_s}

    def fetch(self, ids: set[int]) -> None:
        """Ask the registry. Blocks; raises Retry when it does not answer as it should."""
        for number in ids:
            try:
                with urllib.request.urlopen(f"{self._url}/schemas/ids/{number}", timeout=TIMEOUT_S) as answer:  # noqa: S310 - http(s) only, checked at start
                    self.known[number] = parse_schema(json.loads(json.load(answer)["schema"]))
            except urllib.error.HTTPError as problem:
                if problem.code != 404:
                    raise Retry(f"the schema registry answers {problem.code} for id {number}") from problem
                self._forget_unknown(number)
            except (OSError, ValueError, KeyError) as problem:
                raise Retry(f"the schema registry does not answer: {problem}") from problem
            except fastavro.schema.SchemaParseException:
                self._forget_unknown(number)

    def _forget_unknown(self, number: int) -> None:
        if len(self._unknown_until) >= UNKNOWN_MAX:
            self._unknown_until.clear()
        self._unknown_until[number] = time.monotonic() + UNKNOWN_FOR_S

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
            except (ValueError, fastavro.schema.SchemaParseException) as problem:
                raise ConfigError(f"not an Avro schema: {problem}", str(file)) from problem
