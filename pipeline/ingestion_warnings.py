"""Warnings: something of an event was refused, and the event itself went on. Each says which rule, and what to do.

A warning is a fact for `ingestion.warnings` (schemas/batches.py).
"""

from pipeline.identity import Claim, IdentityRules, Refusal

__all__ = ["IngestionWarning", "refused_claim"]

IngestionWarning = tuple[int, str, str, str, bytes, int]
"""Project, distinct id, code, message, event uuid, timestamp."""

_WHY = {
    Refusal.PERSONLESS: "the event says $process_person_profile: false; leave that out where somebody is identified",
    Refusal.ILLEGAL_DISTINCT_ID: "unrelated people may share such an id; send one that is unique to the person",
    Refusal.SAME_DISTINCT_ID: "both sides are the same distinct id; send the anonymous id that was used before",
    Refusal.STALE_CLAIM: "it is over {stale_days} days older than its receipt (identity.stale_days); correct the "
    "sender's clock, or mark events of the past as historical",
    Refusal.TOO_COMMON: "it was claimed together with over {too_common} ids (identity.too_common): a kiosk or a test "
    "account; give each person an id of their own",
    Refusal.SPLIT: "the person was split at this id at or after the event; a later login merges again",
    Refusal.ALREADY_IDENTIFIED: "the other id's person has logged in already, and two users stay two; if they are one, "
    "send $merge_dangerously",
    Refusal.TOO_MANY_DISTINCT_IDS: "the person would have over {max_distinct_ids} ids (identity.max_distinct_ids); a "
    "shared device should reset its anonymous id at logout",
}


def refused_claim(project: int, claim: Claim, rule: str, rules: IdentityRules) -> IngestionWarning:
    """Why a claim does not count. One without another id merges nothing: what is refused is that somebody logged in."""
    why = _WHY[Refusal(rule)].format(
        stale_days=rules.stale_days, too_common=rules.too_common, max_distinct_ids=rules.max_distinct_ids
    )
    kind = claim.kind.name.lower()
    merged = f"{claim.other[:200]!r} was not merged into {claim.into!r} ({kind})"
    said = merged if claim.other else f"{claim.into!r} was not marked as identified ({kind})"
    return project, claim.into, rule, f"{said}: {why}", claim.uuid, claim.timestamp
