"""What hops do beside their batches: transformations end when the hop does."""

import logging
from pathlib import Path

import pytest

from pipeline.hops import AcceptHop
from pipeline.settings import Settings, Store, TransformEntry

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


def test_accept_closes_its_transformations_in_their_order(tmp_path: Path) -> None:
    hop(tmp_path, "one two three").close()

    assert (tmp_path / "noted").read_text() == "one two three "


def test_one_that_does_not_close_is_told_of_and_the_others_are_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        hop(tmp_path, "one fails two").close()

    assert (tmp_path / "noted").read_text() == "one two "
    assert "the transformation note_end did not close: KeyError('fails')" in caplog.text


def test_accept_ends_the_thread_that_looks_after_lookups(tmp_path: Path) -> None:
    accept = hop(tmp_path, "one")
    assert accept._refresher._thread.is_alive()

    accept.close()

    accept._refresher._thread.join(10)
    assert not accept._refresher._thread.is_alive()
