"""A share of the events instead of all: the same ones whoever asks, whenever."""

import hashlib
from collections.abc import Collection
from typing import Literal

from schemas.marks import CLAIM_EVENTS
from transforms.interface import DROPPED, Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["Sample"]

_HASH_BYTES = 8
_ALWAYS = (*CLAIM_EVENTS, "$groupidentify", "$set")


class Config(TransformConfig, frozen=True):
    share: Annotated[float, about("Which part of them is kept: 0.1 is one in ten.", ge=0, le=1)]
    by: Annotated[
        Literal["distinct_id", "uuid"],
        about("Whether a distinct id is kept with all its events, or each event is drawn for itself."),
    ] = "distinct_id"
    always: Annotated[tuple[str, ...], about("Events that are kept whatever the share.")] = _ALWAYS
    seed: Annotated[str, about("Another text draws others; the same draws the same in every place.")] = ""
    annotate: Annotated[
        str, about("Which property of kept events gets the share, to count back from; empty: none.")
    ] = "$sample_share"


class Sample(Transform[Config]):
    """Keep a share of the events and drop the others, counted.

    Drawn from the distinct id, so that whoever is kept is kept whole, in every worker, every time and with every
    share above: who is among one percent is among ten. Or drawn from each event's uuid, which is even for events that
    few senders send. It is a calculation, not a throw of dice: the same event is decided the same when it comes twice
    or is replayed. Events that say who somebody is (`$identify`, `$create_alias`, …) are always kept: without them
    persons would fall apart. Somebody who is seen before and after a login has two distinct ids, which are drawn
    apart: sample by an id of your own with `when` if that matters.
    """

    name = "sample"
    Config = Config
    examples = (
        Example(
            says="One who is kept, marked",
            config={"share": 0.5},
            before={"event": "page viewed", "distinct_id": "alan", "properties": {"a": 1}},
            after={"properties": {"a": 1, "$sample_share": 0.5}},
        ),
        Example(
            says="One who is not",
            config={"share": 0.5},
            before={"event": "page viewed", "distinct_id": "ada"},
            after=None,
            outcome="dropped",
        ),
        Example(
            says="Whoever logs in is known",
            config={"share": 0.5},
            before={"event": "$identify", "distinct_id": "ada"},
            after={"event": "$identify"},
        ),
    )

    def open(self) -> None:
        # Multiplied as a fraction of integers: 0.1 of 2**64 is then the same number on every machine.
        over, under = self.config.share.as_integer_ratio()
        self._limit = (over << 8 * _HASH_BYTES) // under
        self._always = frozenset(self.config.always)
        self._start = hashlib.blake2b(self.config.seed.encode() + b"\x00", digest_size=_HASH_BYTES)

    def reads(self) -> Collection[str]:
        return (self.config.annotate,)

    def __call__(self, event: OpenEvent) -> Result:
        if event.event in self._always:
            return event
        drawn = self._start.copy()
        drawn.update(event.uuid if self.config.by == "uuid" else event.distinct_id.encode(errors="surrogatepass"))
        if int.from_bytes(drawn.digest(), "big") >= self._limit:
            return DROPPED
        name = self.config.annotate
        if not name:
            return event
        said = event.get(name)
        # True is 1 in Python, but not in JSON.
        if said == self.config.share and not isinstance(said, bool):
            return event
        return event.adding({name: self.config.share})
