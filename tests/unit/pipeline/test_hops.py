"""What hops do beside their batches: transformations end when the hop does."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from pipeline.dedupe import EMPTY
from pipeline.hops import AcceptHop, ResolveHop
from pipeline.known_value import read_value
from pipeline.log_batch import shares
from pipeline.settings import Settings, Store, TransformEntry
from pipeline.stores import MemoryStore, over
from schemas.batches import ACCEPTED, FORMAT_VERSION, batch_headers, to_wire
from schemas.record import RawBatch

DAY_US = 24 * 3600 * 1_000_000

PLUGIN = '''
from pathlib import Path
from typing import Annotated

from transforms.interface import LookupSource, Transform, TransformConfig, about


class Config(TransformConfig, frozen=True):
    file: Annotated[str, about("Where its end is noted.")]
    word: Annotated[str, about("What is noted; `fail` fails.")]


class NoteEnd(Transform[Config]):
    """Note its end."""

    name = "note_end"
    Config = Config

    @classmethod
    def sources(cls, config):
        return {"file": LookupSource(config.file, str)}

    def close(self):
        if self.config.word.startswith("fail"):
            raise KeyError(self.config.word)
        with Path(self.config.file).open("a") as file:
            file.write(f"{self.config.word} ")
'''


def hop(folder: Path, words: str) -> AcceptHop:
    """Accept with a step for each word, which is noted when the step is closed."""
    plugin, file = folder / "note_end.py", folder / "noted"
    plugin.write_text(PLUGIN)
    file.write_text("")
    entries = [
        TransformEntry(use="note_end", name=word, config={"file": str(file), "word": word}) for word in words.split()
    ]
    return AcceptHop(Settings(plugins=[str(plugin)], transforms=entries, store=Store(path=str(folder))))


def test_what_was_received_long_ago_is_remembered_for_a_window_of_its_own_time() -> None:
    """A backlog of days: the records are new, their events were received before."""
    settings = Settings()
    resolve = ResolveHop(settings)
    resolve.bind(dict.fromkeys((resolve.output, *resolve.beside), bytes(16)))
    store = MemoryStore()
    owned: Any = SimpleNamespace(partition=0, overlay=over(store), store=store)
    now_ms = 1_790_000_000_000

    for day in range(4):
        rows = accepted_rows(f"id-{day}", received_us=now_ms * 1_000 - (10 - day) * DAY_US)
        headers = [batch_headers(rows)]
        batch = RawBatch("events.accepted", bytes(16), 0, [day], [now_ms], [to_wire(rows)], [None], headers)
        for outcome in resolve.outcomes(batch, owned.overlay.get):
            owned.overlay.update(outcome.changes)
        resolve.tend(owned, batch)

    remembered = [name for name in range(4) if read_value(store.get(b"d1:id-%d" % name) or b"").recent != EMPTY]
    assert remembered == [2, 3]


def accepted_rows(distinct_id: str, received_us: int) -> pa.RecordBatch:
    """One event."""
    row: dict[str, Any] = {
        "uuid": distinct_id.encode().ljust(16), "project": 1, "event": "e", "distinct_id": distinct_id,
        "timestamp": received_us, "received_at": received_us, "properties": b"{}", "historical": False,
        "source_log": bytes(16), "source_partition": 0, "source_offset": 0,
    }  # fmt: skip
    empty = {"set": b"", "set_once": b"", "unset": b"", "marks": b"", "transforms_applied": "", "transforms_failed": ""}
    return pa.RecordBatch.from_pylist([row | empty], schema=ACCEPTED)


def test_accept_closes_its_transformations_in_their_order(tmp_path: Path) -> None:
    hop(tmp_path, "one two three").close()

    assert (tmp_path / "noted").read_text() == "one two three "


def test_one_that_does_not_close_is_told_of_and_the_others_are_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        hop(tmp_path, "one fails two").close()

    assert (tmp_path / "noted").read_text() == "one two "
    assert caplog.messages == ["the transformation fails did not close: KeyError"]


def test_accept_ends_the_thread_that_looks_after_lookups(tmp_path: Path) -> None:
    accept = hop(tmp_path, "one")
    assert accept._refresher._thread.is_alive()

    accept.close()

    accept._refresher._thread.join(10)
    assert not accept._refresher._thread.is_alive()


def _messages(*rows: int) -> RawBatch:
    """Messages from offset 7 on, which say that they have so many rows; the reader stood at 5."""
    count = len(rows)
    headers = [
        [("headrace-format", FORMAT_VERSION), ("headrace-rows", b"%d" % n), ("headrace-uuid-sum", b"0")] for n in rows
    ]
    offsets = list(range(7, 7 + 2 * count, 2))
    return RawBatch("events.accepted", bytes(16), 0, offsets, [0] * count, [b"x"] * count, [None] * count, headers, 5)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([5], [1]),
        ([5, 6, 7], [3]),
        ([2_000, 2_000, 1], [2, 1]),
        ([9_000, 1, 9_000, 9_000], [1, 1, 1, 1]),
        ([1, 9_000, 1], [1, 1, 1]),
    ],
)
def test_messages_are_shared_out_by_their_rows(rows: list[int], expected: list[int]) -> None:
    batch = _messages(*rows)

    found = list(shares(batch, 4_000))

    assert [len(share) for share in found] == expected
    assert [offset for share in found for offset in share.offsets] == batch.offsets
    assert [share.after for share in found] == [5, *(share.offsets[-1] + 1 for share in found[:-1])]
