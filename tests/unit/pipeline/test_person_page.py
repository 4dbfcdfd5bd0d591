"""What `headrace person show` shows."""

import io
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from rich.console import Console, RenderableType

from pipeline.person_page import Profile, Visit, profile_page
from schemas.identifiers import person_id


def text_of(shown: RenderableType, width: int = 200) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(shown)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def person(name: str) -> str:
    return str(UUID(bytes=person_id(1, name)))


def test_a_page_shows_the_person_with_everything_known() -> None:
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    profile = Profile(
        project=1,
        id="ada",
        person_id=person("ada"),
        stored=True,
        identified=True,
        created_at=start,
        properties=msgspec.Raw(b'{"email":"ada@example.com","plan":{"name":"pro"}}'),
        distinct_ids=["ada", "a1"],
        visits=[Visit("6b1d6e0e-2f0c-5d1e-8a7a-000000000000", start, start, 120, 1_500, 2, "/pricing", "a1")],
    )

    assert [line for line in text_of(profile_page(profile)).splitlines() if line] == [
        f"person {person('ada')}, identified",
        "since 2026-11-20T12:00:00Z",
        "distinct ids",
        "  ada, a1",
        "properties",
        '  email  "ada@example.com"',
        '  plan   {"name":"pro"}',
        "recent visits",
        "  2026-11-20T12:00:00Z  120 s, events 1,500, page views 2, as a1",
        "    6b1d6e0e-2f0c-5d1e-8a7a-000000000000  /pricing",
    ]


def test_a_person_that_is_not_stored_is_its_id_and_a_note() -> None:
    profile = Profile(project=1, id="zoe", person_id=person("zoe"), stored=False, note="Nothing is stored.")

    assert text_of(profile_page(profile)) == f"person {person('zoe')}\nNothing is stored."


def test_the_id_of_a_visit_is_never_cut_short() -> None:
    start, name = datetime(2026, 11, 20, 12, tzinfo=UTC), "6b1d6e0e-2f0c-5d1e-8a7a-000000000000"
    visit = Visit(name, start, start, 120, 1, 2, "https://example.com/some/path", "a1")
    profile = Profile(project=1, id="ada", person_id=person("ada"), stored=True, visits=[visit])

    assert name in text_of(profile_page(profile), 60)
