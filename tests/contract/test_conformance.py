"""What public test data says about the transformations stands on a page that is current, deviations with a reason."""

from pathlib import Path

import pytest

from tests.conformance import VECTORS, vectors
from tests.conformance.__main__ import PAGE, Conformance, conformances, page
from transforms.registry import BUILT_IN

MODULES = Path(__file__).parents[1] / "conformance"
SHARED = Path(__file__).parents[2] / "schemas"
DATA = sorted(file.stem for file in VECTORS.glob("*.json"))
FOUND = conformances()


def test_the_page_is_current() -> None:
    assert PAGE.exists(), "run python -m tests.conformance"
    assert PAGE.read_text() == page(), "run python -m tests.conformance"


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.name)
def test_every_deviation_is_explained_and_every_explanation_is_needed(found: Conformance) -> None:
    assert set(found.failed) == set(found.deviations)
    assert all(len(reason) > 10 for reason in found.deviations.values())


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.name)
def test_it_is_about_a_transformation_or_what_they_share_and_says_where_its_data_is_from(found: Conformance) -> None:
    assert found.name in BUILT_IN or (SHARED / f"{found.name}.py").exists()
    assert found.results, "no vectors"
    assert all(isinstance(said, str) and said for said in (found.source, found.version, found.licence))


@pytest.mark.parametrize("name", DATA)
def test_all_vendored_data_has_a_source_and_is_used(name: str) -> None:
    found = vectors(name)

    assert all(found.get(key) for key in ("source", "version", "licence", "vectors")), "see tests/conformance"
    if name in BUILT_IN:
        assert (MODULES / f"{name}.py").exists()
    else:
        assert any(name in file.read_text() for file in MODULES.glob("*.py")), f"nothing uses {name}.json"
