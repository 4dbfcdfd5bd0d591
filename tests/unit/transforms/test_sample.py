"""A share of the events: the same ones always, and about as many as asked for."""

import uuid

import pytest

from schemas.event import Dropped
from schemas.open_event import OpenEvent
from transforms.testing import made, opened, run

EVENTS = 4_000
MANY = [opened({"distinct_id": f"user {number}", "uuid": str(uuid.UUID(int=number))}) for number in range(EVENTS)]


def kept(by: str = "distinct_id", share: float = 0.1, seed: str = "") -> set[int]:
    step = made("sample", {"share": share, "by": by, "seed": seed})
    return {number for number, event in enumerate(MANY) if isinstance(step(event), OpenEvent)}


@pytest.mark.parametrize("by", ["distinct_id", "uuid"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_about_as_many_are_kept_as_asked_for(by: str, share: float) -> None:
    spread = (EVENTS * share * (1 - share)) ** 0.5

    assert abs(len(kept(by, share)) - EVENTS * share) < 4 * spread


def test_all_or_none_can_be_kept() -> None:
    assert (len(kept(share=1)), len(kept(share=0))) == (EVENTS, 0)


def test_who_is_in_a_small_share_is_in_a_greater_one() -> None:
    assert kept(share=0.05) < kept(share=0.1) < kept(share=0.5)


def test_another_seed_draws_others() -> None:
    assert kept(seed="a") != kept(seed="b")
    assert len(kept(share=0.5, seed="a") & kept(share=0.5, seed="b")) < EVENTS * 0.3


def test_a_distinct_id_is_kept_with_all_its_events() -> None:
    step = made("sample", {"share": 0.5})
    fates = {
        name: {type(step(opened({"distinct_id": name, "uuid": str(uuid.uuid4())}))) for _ in range(20)}
        for name in ("ada", "alan")
    }

    assert fates == {"ada": {Dropped}, "alan": {OpenEvent}}


@pytest.mark.parametrize("name", ["$identify", "$create_alias", "$merge_dangerously", "$groupidentify", "$set"])
def test_what_says_who_somebody_is_is_always_kept(name: str) -> None:
    event = opened({"event": name})

    assert made("sample", {"share": 0})(event) is event


def test_what_is_always_kept_can_be_chosen() -> None:
    step = made("sample", {"share": 0, "always": ["order placed"]})

    assert isinstance(step(opened({"event": "order placed"})), OpenEvent)
    assert isinstance(step(opened({"event": "$identify"})), Dropped)


def test_a_kept_event_is_marked_once_or_not_at_all() -> None:
    step, event = made("sample", {"share": 0.5}), opened({"distinct_id": "alan"})

    assert step(event).properties["$sample_share"] == 0.5
    assert step(step(event)) == step(event)
    assert made("sample", {"share": 0.5, "annotate": ""})(event) is event


@pytest.mark.parametrize("share", [-0.1, 1.1, "half"])
def test_a_share_is_a_part_of_one(share: object) -> None:
    with pytest.raises(ValueError):
        made("sample", {"share": share})


def test_true_is_no_share() -> None:
    found = run("sample", {"properties": {"$sample_share": True}}, {"share": 1})

    assert found.get("$sample_share") is not True
