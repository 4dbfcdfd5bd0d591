"""Tests of the example plugin, as its author would write them."""

from pathlib import Path

import pytest
from headrace_score_leads import ScoreLeads, _domains

from schemas.event import Rejected
from transforms.testing import Fixed, example_fails, made, run

POINTS = {"points": {"demo booked": 50}}


def test_its_examples_show_what_happens() -> None:
    assert [example_fails(ScoreLeads, example) for example in ScoreLeads.examples] == ["", ""]


def test_partners_count_double(tmp_path: Path) -> None:
    (tmp_path / "partners.txt").write_text("example.org\n\nExample.com\n")
    lookups = {"partners": Fixed(_domains(str(tmp_path / "partners.txt")))}
    event = {"event": "demo booked", "properties": {"email": "ada@Example.ORG"}}

    assert run(ScoreLeads, event, POINTS, lookups).properties["lead_score"] == 100


def test_a_mail_address_that_is_none_is_refused() -> None:
    assert isinstance(run(ScoreLeads, {"event": "demo booked", "properties": {"email": 7}}, POINTS), Rejected)


def test_points_below_zero_are_no_configuration() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        made(ScoreLeads, {"points": {"demo booked": -1}})
