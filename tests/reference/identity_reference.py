"""Who is who, as plainly as it can be said: the whole log at once, sorted, with sets and loops. Slow on purpose."""

import uuid
from typing import NamedTuple

PERSONS = uuid.uuid5(uuid.NAMESPACE_URL, "headrace:persons")


class Said(NamedTuple):
    """A claim of the log; `kind` is `identify`, `alias` or `dangerously`."""

    into: str
    other: str
    kind: str
    timestamp: int
    uuid: bytes


class Split(NamedTuple):
    """A block of the log."""

    distinct_id: str
    recorded_at: int


class Answer(NamedTuple):
    """For every id ever named, (person id, identified); for every claim, its verdict."""

    people: dict[str, tuple[bytes, bool]]
    verdicts: dict[Said, str]


def answer(project: int, log: list[Said | Split], max_distinct_ids: int, too_common: int) -> Answer:
    """What the log says in the end, copies counting once. Claims are legal, or only others make them illegal."""
    claims = [record for record in log if isinstance(record, Said)]
    pairs = [claim for claim in claims if claim.other and claim.other != claim.into]
    common = {name for name in named(log) if len(partners(name, pairs)) > too_common}
    until = block_times(log)
    people = [{"name": name, "ids": {name}, "identified": False} for name in named(log)]
    verdicts = {}
    for claim in sorted(set(claims), key=lambda claim: (claim.timestamp, claim.uuid, claim.into)):
        if claim.into == claim.other:
            verdicts[claim] = "same_distinct_id"
        elif claim.into in common or claim.other in common:
            verdicts[claim] = "too_common"
        else:
            verdicts[claim] = say(claim, people, until, max_distinct_ids)
    return Answer(
        {name: (id_of(project, person["name"]), person["identified"]) for person in people for name in person["ids"]},
        verdicts,
    )


def say(claim: Said, people: list[dict], until: dict[str, int], max_distinct_ids: int) -> str:
    into = person_of(claim.into, people)
    if not claim.other:
        into["identified"] = True
        return ""
    other = person_of(claim.other, people)
    verdict = ""
    if into is not other:
        covered = [name for name in (claim.into, claim.other) if name in until and claim.timestamp <= until[name]]
        if covered:
            verdict = "split"
        elif other["identified"] and (claim.kind == "identify" or (claim.kind == "alias" and into["identified"])):
            verdict = "already_identified"
        elif len(into["ids"] | other["ids"]) > max_distinct_ids:
            verdict = "too_many_distinct_ids"
        else:
            if claim.kind == "alias" and other["identified"]:
                into["name"] = other["name"]
            into["ids"] |= other["ids"]
            people.remove(other)
    into["identified"] = True
    return verdict


def person_of(name: str, people: list[dict]) -> dict:
    [person] = [person for person in people if name in person["ids"]]
    return person


def named(log: list[Said | Split]) -> set[str]:
    ids = set()
    for record in log:
        ids |= {record.into, record.other} if isinstance(record, Said) else {record.distinct_id}
    return ids - {""}


def partners(name: str, pairs: list[Said]) -> set[str]:
    return {claim.other for claim in pairs if claim.into == name} | {
        claim.into for claim in pairs if claim.other == name
    }


def block_times(log: list[Said | Split]) -> dict[str, int]:
    """A block lasts until its own time or the newest claim on its id ahead of it; the latest one counts."""
    until: dict[str, int] = {}
    for place, record in enumerate(log):
        if isinstance(record, Split):
            name = record.distinct_id
            ahead = [one for one in log[:place] if isinstance(one, Said) and one.other and one.into != one.other]
            times = [one.timestamp for one in ahead if name in (one.into, one.other)]
            until[name] = max([record.recorded_at, until.get(name, record.recorded_at), *times])
    return until


def id_of(project: int, name: str) -> bytes:
    return uuid.uuid5(PERSONS, f"{project}:{name}").bytes
