"""The identify hop's steps: claims and splits, one after the other, become who is whose person.

Each record is applied and answered by itself, in the order of the log, and an answer's version is the record's place:
so a log read again says the same again, and an older answer never overwrites a newer one.
"""

from typing import Any

import msgspec

from pipeline.components import apply_block, apply_claim
from pipeline.facts import person_key, routed, sent, taken
from pipeline.identity import Claim, ClaimKind, IdentityRules
from pipeline.ingestion_warnings import refused_claim
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome, Read, Sent, applied
from pipeline.routing import state_key

__all__ = ["IdentifyRules", "SPLIT", "settled"]

SPLIT = 0
"""The kind of a record that splits a person."""
ANSWERS_AT_ONCE = 10_000
"""One claim may be answered to a thousand ids, who leave one person for another: as Python values 2,000 such claims
would be 3 GB, as columns they are 250 MB."""
_KINDS = {kind.value: kind for kind in ClaimKind}


_Fact = tuple[Any, ...]


class IdentifyRules(msgspec.Struct, frozen=True):
    """What identify needs to know."""

    identity: IdentityRules
    partitions: int


def settled(batch: LogBatch, read: Read, rules: IdentifyRules) -> Outcome:
    """The outcome of some records of identity.claims."""
    changes: dict[bytes, bytes | None] = {}

    def look(key: bytes) -> bytes | None:
        return changes[key] if key in changes else read(key)

    beside: list[Sent] = []
    mappings: list[_Fact] = []
    memberships: list[_Fact] = []
    warnings: list[_Fact] = []
    splits: list[int] = []
    for version, row in zip(batch.versions(), taken(batch.rows), strict=True):
        project, kind, into, other, timestamp, uuid = row
        if kind == SPLIT:
            splits.append(project)
            result = apply_block(project, into, timestamp, version, look, rules.identity)
        else:
            claim = Claim(into, other, _KINDS[kind], timestamp, uuid)
            result = apply_claim(project, claim, version, look, rules.identity)
        changes.update(result.changes)
        mappings += [(project, one.distinct_id, one.person_id, one.identified, version) for one in result.mappings]
        memberships += [
            (project, one.person_id, one.distinct_id, version, True, one.joined, one.identified, b"", 0)
            for one in result.memberships
        ]
        if result.refused:
            refused = [one for one in result.refused if one.rule]
            warnings += [refused_claim(project, one.claim, one.rule, rules.identity) for one in refused]
        if len(memberships) >= ANSWERS_AT_ONCE:
            beside += _answers(mappings, memberships, rules.partitions)
            mappings, memberships = [], []
    beside += _answers(mappings, memberships, rules.partitions)
    beside += sent("ingestion.warnings", batch.partition, warnings)
    return applied(batch.rows, beside, changes, splits)


def _answers(mappings: list[_Fact], memberships: list[_Fact], partitions: int) -> list[Sent]:
    """What the distinct ids and the people are told."""
    homes = [state_key(one[0], one[1]) for one in mappings]
    people = [person_key(one[0], one[1]) for one in memberships]
    return [
        *routed("identity.mappings", mappings, homes, partitions),
        *routed("person.changes", memberships, people, partitions),
    ]
