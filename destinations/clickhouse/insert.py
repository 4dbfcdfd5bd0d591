"""Inserts of blocks: under tokens, cut by month where they must be, sifted for the rows a server refuses.

The same block again changes nothing: the server drops, month partition by month partition, what it has already
taken under the token, in the dependent views as well.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from destinations.clickhouse.config import Config
from destinations.clickhouse.connect import client_of
from destinations.clickhouse.encode import encode, month_column_of, table_of
from destinations.clickhouse.errors import advice, speaks_of_content, too_many_partitions
from destinations.clickhouse.sift import Refusals, TooManyRefused, sift
from schemas.block import MONTHS_MAX, Block, Landed, Part, parts_by_month, whole
from schemas.event import Rejected, RejectionCode
from schemas.outcomes import Retry

__all__ = ["ClickHouse"]

MESSAGE_CHARS_MAX = 1_000


class ClickHouse:
    """The destination. Calls block and may come from several threads at once."""

    def __init__(self, config: Config, epoch: int, name: str = "clickhouse") -> None:
        self.name = name
        self._config = config
        self._epoch = epoch

    def insert(self, block: Block) -> Landed:
        """Every row lands or is rejected with the server's words. Raises Retry when the server is not able to."""
        table = table_of(block.topic)
        month = month_column_of(table)
        parts = parts_by_month(whole(block), month) if month else [whole(block)]
        rejected: dict[tuple[int, int], Rejected] = {}
        for part in parts:
            rejected.update(_rejections(self._sifted(table, part)))
        return Landed(rejected)

    def _sifted(self, table: str, part: Part) -> Refusals:
        """The rows of the part that are refused; the others have landed. Raises Retry."""
        try:
            return sift(part, partial(self._send, table), self._config.rejected_ratio_max)
        except TooManyRefused as refused:
            raise Retry(
                f"ClickHouse refuses more than {self._config.rejected_ratio_max:.0%} of {part.rows} rows of one block; "
                f"it is held back, for the table is wrong and not the rows. It says: {refused.reason}",
                after_s=10.0,
            ) from refused

    def _send(self, table: str, part: Part) -> str | None:
        """None when the part has landed, the server's message when its content is refused. Raises Retry."""
        from clickhouse_connect.driver.exceptions import ClickHouseError

        names, data = encode(part, self._epoch, self._config.compression)
        try:
            client = client_of(self._config)
            # A buffer that is not `bytes` is sent as it is; of `bytes` the client makes a copy to put SQL before it.
            client.raw_insert(table, names, insert_block=data, fmt="ArrowStream", settings=_settings(part))
        except ClickHouseError as problem:
            message = str(problem)
            if speaks_of_content(message) or (too_many_partitions(message) and part.rows > 1):
                return message[:MESSAGE_CHARS_MAX]
            told = f"ClickHouse does not take a block of {table}; {advice(message)}. It says: {message[:300]}"
            raise Retry(told) from problem
        except OSError as problem:
            raise Retry(f"ClickHouse at {self._config.url} does not answer: {problem}") from problem
        return None


def _settings(part: Part) -> dict[str, Any]:
    return {
        "insert_deduplication_token": part.token,
        "insert_deduplicate": 1,
        "deduplicate_blocks_in_dependent_materialized_views": 1,
        # Asynchronous inserts answer before the rows are in, and take no token.
        "async_insert": 0,
        "wait_end_of_query": 1,
        "distributed_foreground_insert": 1,
        # All or nothing: the rows are gathered into one block before the first of them is written, so that what is
        # refused for one row has landed for none, and the pieces that then follow find nothing of it.
        "min_insert_block_size_rows": part.rows,
        "min_insert_block_size_bytes": 0,
        # What the cuts by month count on, whatever the server's profile says.
        "max_partitions_per_insert_block": MONTHS_MAX,
    }


def _rejections(refusals: Refusals) -> Iterator[tuple[tuple[int, int], Rejected]]:
    for part, reason in refusals:
        for offset, rows, batch in part.batches():
            project = int(batch.column("project")[0].as_py()) if "project" in batch.schema.names else 0
            message = f"ClickHouse refuses the row; fix it or the table and replay it. It says: {reason}"
            yield (offset, int(rows[0])), Rejected(RejectionCode.REFUSED_BY_DESTINATION, message, project)
