"""Identifiers are the version-5 uuids of RFC 9562, in namespaces that never change."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import LINES, PERSONS, RECORDS, TEXTS, person_id, record_uuid, uuid5


@given(st.text(max_size=50))
def test_a_name_gives_the_uuid_that_the_standard_library_gives(name: str) -> None:
    expected = uuid.uuid5(uuid.UUID(bytes=PERSONS), name.encode("utf-8", "replace").decode())

    assert uuid5(PERSONS, name.encode("utf-8", "replace")) == expected.bytes


def test_these_identifiers_are_stored_for_ever_and_never_change() -> None:
    assert person_id(7, "ada").hex() == str(PERSON).replace("-", "")
    assert record_uuid(b"L" * 16, 3, 17).hex() == str(RECORD).replace("-", "")


def test_the_four_namespaces_differ() -> None:
    assert len({LINES, PERSONS, RECORDS, TEXTS}) == 4


PERSON = uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, "headrace:persons"), "7:ada")
RECORD = uuid.UUID("fabddf9e99035f2eb327848bb6aaa071")
