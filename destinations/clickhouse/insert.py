"""Inserts of blocks: under tokens, cut by month where they must be, bisected to the rows a server refuses.

The same block again changes nothing: the server drops, month partition by month partition, what it has already
taken under the token, in the dependent views as well.
"""

from collections import deque
from typing import Any

from destinations.clickhouse.config import Config
from destinations.clickhouse.connect import client_of
from destinations.clickhouse.encode import encode, table_of
from destinations.clickhouse.errors import code_of, speaks_of_content, too_many_partitions
from schemas.block import Block, Landed, Part, halves, parts_by_month, whole
from schemas.event import Rejected, RejectionCode
from schemas.outcomes import Retry

__all__ = ["ClickHouse"]

MESSAGE_CHARS_MAX = 1_000
ROWS_UNDER_THE_FUSE = 1_000
"""A smaller block may be refused whole: a handful of bad events is no sign of a wrong table."""


class ClickHouse:
    """The destination. Calls block and may come from several threads at once."""

    def __init__(self, config: Config, epoch: int, name: str = "clickhouse") -> None:
        self.name = name
        self._config = config
        self._epoch = epoch

    def insert(self, block: Block) -> Landed:
        """Every row lands or is rejected with the server's words. Raises Retry when the server is not able to."""
        table = table_of(block.topic)
        first = whole(block)
        waiting = deque(parts_by_month(first) if table == "events" else [first])
        rejected: dict[tuple[int, int], Rejected] = {}
        while waiting:
            part = waiting.popleft()
            refusal = self._send(table, part)
            if refusal is None:
                continue
            if part.rows == 1:
                rejected.update(_rejections(part, refusal))
                self._watch_the_fuse(block, rejected, refusal)
            else:
                waiting.extendleft(reversed(halves(part)))
        return Landed(rejected)

    def _send(self, table: str, part: Part) -> str | None:
        """None when the part has landed, the server's message when its content is refused. Raises Retry."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        names, data = encode(part, self._epoch, self._config.compression)
        try:
            client = client_of(self._config)
            client.raw_insert(table, names, insert_block=data, fmt="ArrowStream", settings=_settings(part.token))
        except ClickHouseError as problem:
            message = str(problem)
            code = code_of(message)
            if speaks_of_content(code) or (too_many_partitions(message) and part.rows > 1):
                return message[:MESSAGE_CHARS_MAX]
            raise Retry(_advice(code, message)) from problem
        except OSError as problem:
            raise Retry(f"ClickHouse at {self._config.url} does not answer: {problem}") from problem
        return None

    def _watch_the_fuse(self, block: Block, rejected: dict[tuple[int, int], Rejected], refusal: str) -> None:
        ratio = len(rejected) / block.rows
        if block.rows >= ROWS_UNDER_THE_FUSE and ratio > self._config.rejected_ratio_max:
            raise Retry(
                f"ClickHouse refuses more than {self._config.rejected_ratio_max:.0%} of a block of {block.rows} rows; "
                f"the block is held back, for the table is wrong and not the rows. It says: {refusal}",
                after_s=10.0,
            )


def _settings(token: str) -> dict[str, Any]:
    return {
        "insert_deduplication_token": token,
        "insert_deduplicate": 1,
        "deduplicate_blocks_in_dependent_materialized_views": 1,
        # Asynchronous inserts answer before the rows are in, and take no token.
        "async_insert": 0,
        "wait_end_of_query": 1,
        "distributed_foreground_insert": 1,
    }


def _rejections(part: Part, refusal: str) -> dict[tuple[int, int], Rejected]:
    found = {}
    for offset, rows, batch in part.batches():
        project = int(batch.column("project")[0].as_py()) if "project" in batch.schema.names else 0
        message = f"ClickHouse refuses the row; fix it or the table and replay it. It says: {refusal}"
        found[(offset, int(rows[0]))] = Rejected(RejectionCode.REFUSED_BY_DESTINATION, message, project)
    return found


def _advice(code: int | None, message: str) -> str:
    hints = {
        60: "a table is missing: run headrace migrate",
        81: "the database is missing: create it or correct clickhouse.database",
        16: "a column is missing: run headrace migrate",
        516: "user or password are wrong: correct clickhouse.user and clickhouse.password",
        252: "it has too many parts to merge: it will catch up, or give it more CPU",
        241: "it is out of memory: give it more",
    }
    hint = hints.get(code or 0, "it is asked again until it takes the block")
    return f"ClickHouse does not take a block; {hint}. It says: {message[:300]}"
