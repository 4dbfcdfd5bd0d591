"""A warning says what was refused, and why."""

import pytest

from pipeline.identity import Claim, ClaimKind, IdentityRules, Refusal
from pipeline.ingestion_warnings import refused_claim


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("laptop", "'laptop' was not merged into 'bob' (identify): "),
        ("", "'bob' was not marked as identified (identify): "),
    ],
)
def test_what_was_refused_is_a_merge_or_where_there_is_no_other_id_a_login(other: str, said: str) -> None:
    claim = Claim("bob", other, ClaimKind.IDENTIFY, 5, bytes(16))

    warning = refused_claim(1, claim, Refusal.STALE_CLAIM, IdentityRules())

    assert warning[:3] == (1, "bob", "stale_claim")
    assert warning[3].startswith(f"{said}it is over 30 days older than its receipt")
