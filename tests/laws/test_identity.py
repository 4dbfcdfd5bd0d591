"""Laws of identity: any order of the same claims, any repetition and any replay give the same people and verdicts."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.components import Applied, Mapping, apply_block, apply_claim, component_of
from pipeline.identity import Claim, ClaimKind, IdentityRules, resolution
from schemas.identifiers import person_id
from tests.reference.identity_reference import Answer, Said, Split, answer

PROJECT = 7
RULES = IdentityRules()
KINDS = {"identify": ClaimKind.IDENTIFY, "alias": ClaimKind.ALIAS, "dangerously": ClaimKind.DANGEROUSLY}
Log = list[Said | Split]


class Project:
    """The state of a project, and all that was ever said about it."""

    def __init__(self, rules: IdentityRules, state: dict[bytes, bytes] | None = None) -> None:
        self.rules = rules
        self.state = dict(state or {})
        self.said: list[Applied] = []

    def apply(self, record: Said | Split, version: int) -> None:
        if isinstance(record, Split):
            done = apply_block(PROJECT, *record, version, self.state.get, self.rules)
        else:
            done = apply_claim(PROJECT, claim_of(record), version, self.state.get, self.rules)
        self.said.append(done)
        for key, value in done.changes.items():
            assert key.startswith(b"i7:")
            assert self.state.get(key) != value
            if value is None:
                del self.state[key]
            else:
                self.state[key] = value

    def people(self) -> dict[str, tuple[bytes, bool]]:
        """What the mappings said, the highest version of each id."""
        mappings: dict[str, Mapping] = {}
        for mapping in (mapping for done in self.said for mapping in done.mappings):
            assert mapping.distinct_id not in mappings or mappings[mapping.distinct_id].version < mapping.version
            mappings[mapping.distinct_id] = mapping
        return {name: (mapping.person_id, mapping.identified) for name, mapping in mappings.items()}

    def members(self) -> dict[tuple[bytes, str], bool]:
        """(person, distinct id) that belong together, with `identified`, as the memberships said."""
        members = {}
        for one in (one for done in self.said for one in done.memberships):
            members[one.person_id, one.distinct_id] = (one.joined, one.identified)
        return {key: identified for key, (joined, identified) in members.items() if joined}

    def refused(self) -> dict[Claim, str]:
        """The rule last named for each claim."""
        return {one.claim: one.rule for done in self.said for one in done.refused}


def claim_of(said: Said) -> Claim:
    return Claim(said.into, said.other, KINDS[said.kind], said.timestamp, said.uuid)


def applied(log: Log, rules: IdentityRules) -> Project:
    project = Project(rules)
    for version, record in enumerate(log):
        project.apply(record, version)
    return project


def expected(log: Log, rules: IdentityRules) -> Answer:
    return answer(PROJECT, log, rules.max_distinct_ids, rules.too_common)


def agree(project: Project, wanted: Answer) -> None:
    """Mappings, memberships, and the verdicts of the claims that are kept are those of the reference."""
    unsaid = {name: (person_id(PROJECT, name), False) for name in wanted.people}
    assert {**unsaid, **project.people()} == wanted.people
    assert project.members() == {(person, name): known for name, (person, known) in project.people().items()}
    verdicts = {claim_of(said): verdict for said, verdict in wanted.verdicts.items()}
    for name, person in wanted.people.items():
        component = component_of(PROJECT, name, project.state.get)
        if component is None:
            assert person == unsaid[name]
            continue
        assert (component.ids[name].person_id, component.ids[name].identified) == person
        for claim, verdict in zip(component.claims, component.verdicts, strict=True):
            assert verdict == verdicts[claim]
            assert verdict in ("", project.refused().get(claim))


def claims_of(ids: list[str], kinds: list[str], times: int) -> st.SearchStrategy[Said]:
    """Few ids and few times, so that ties, cycles, repeats and claims on oneself are common."""
    return st.builds(
        Said,
        into=st.sampled_from(ids),
        other=st.sampled_from([*ids, ""]),
        kind=st.sampled_from(kinds),
        timestamp=st.integers(1, times),
        uuid=st.integers(0, 3).map(lambda number: number.to_bytes(16)),
    )


def settled(log: Log) -> Log:
    """One event makes one claim, however often it comes: (distinct id, uuid, timestamp) says which."""
    events: dict[tuple[str, bytes, int], Said] = {}
    return [
        events.setdefault((record.into, record.uuid, record.timestamp), record) if isinstance(record, Said) else record
        for record in log
    ]


IDS = ["ada", "bob", "eve", "pia", "zoe", "é"]
some_claims = st.lists(claims_of(IDS, list(KINDS), 5), max_size=14).map(settled)
few_ids = st.lists(claims_of(IDS[:3], list(KINDS), 9), max_size=14).map(settled)
star = st.lists(claims_of(IDS, list(KINDS), 9).map(lambda one: one._replace(other="ada")), max_size=12).map(settled)
logs_of_claims = some_claims | few_ids | star
splits = st.builds(Split, st.sampled_from(IDS[:2]), st.integers(0, 6))
logs = st.lists(splits | claims_of(IDS[:4], list(KINDS), 6), max_size=16).map(settled)
some_rules = st.builds(
    IdentityRules, max_distinct_ids=st.sampled_from([1, 2, 3, 4, 1000]), too_common=st.sampled_from([1, 2, 3, 10_000])
)


@given(logs_of_claims, st.sampled_from([1, 2, 3, 4, 1000]))
def test_the_resolution_of_all_claims_is_that_of_the_reference(claims: list[Said], limit: int) -> None:
    rules = IdentityRules(max_distinct_ids=limit)
    wanted = expected(list(claims), rules)

    found = resolution(PROJECT, [claim_of(claim) for claim in claims], {}, rules)

    assert {name: (one.person_id, one.identified) for name, one in found.people.items()} == wanted.people
    assert dict(found.verdicts) == {claim_of(said): verdict for said, verdict in wanted.verdicts.items()}


@given(logs_of_claims, some_rules, st.data())
def test_any_order_of_the_same_claims_gives_the_same_people(
    claims: list[Said], rules: IdentityRules, data: st.DataObject
) -> None:
    wanted = expected(list(claims), rules)

    for _ in range(3):
        order = data.draw(st.permutations(claims))
        agree(applied(list(order), rules), wanted)


@given(logs, some_rules)
def test_any_log_of_claims_and_splits_ends_as_the_reference_says(log: Log, rules: IdentityRules) -> None:
    agree(applied(log, rules), expected(log, rules))


@given(logs_of_claims, st.lists(splits, max_size=3), some_rules, st.data())
def test_a_split_holds_whatever_the_order_of_claims_on_either_side_of_it(
    claims: list[Said], blocks: list[Split], rules: IdentityRules, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(claims)))
    before, after = list(claims[:at]), list(claims[at:])
    wanted = expected([*before, *blocks, *after], rules)

    order = [*data.draw(st.permutations(before)), *blocks, *data.draw(st.permutations(after))]

    agree(applied(order, rules), wanted)


@given(logs, some_rules, st.data())
def test_a_replay_of_any_suffix_from_its_state_says_the_same_again(
    log: Log, rules: IdentityRules, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(log)))
    once = applied(log, rules)

    again = Project(rules, applied(log[:at], rules).state)
    for version, record in enumerate(log[at:], at):
        again.apply(record, version)

    assert again.said == once.said[at:]
    assert again.state == once.state


@given(logs, some_rules, st.data())
def test_a_replay_of_any_suffix_onto_later_state_changes_nothing(
    log: Log, rules: IdentityRules, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(log)))
    project = applied(log, rules)
    state, said = dict(project.state), len(project.said)

    for version, record in enumerate(log[at:], at):
        project.apply(record, version)

    assert project.state == state
    assert all(not done.mappings and not done.memberships for done in project.said[said:])
    assert {one.rule for done in project.said[said:] for one in done.refused} <= {"too_common", "same_distinct_id"}


@given(logs_of_claims, some_rules)
def test_components_of_one_project_do_not_overlap(claims: list[Said], rules: IdentityRules) -> None:
    project = applied(list(claims), rules)

    found = [component_of(PROJECT, name, project.state.get) for name in IDS]
    sets = {frozenset(component.ids) for component in found if component is not None}
    assert sum(len(one) for one in sets) == len(frozenset().union(*sets))


def said(text: str) -> list[Said]:
    """`ada<bob i3`: at time 3, $identify says that bob is ada. `a` and `d` are the other kinds; no id: a mark."""
    claims = []
    for number, word in enumerate(text.split(", ")):
        pair, how = word.split()
        into, _, other = pair.partition("<")
        kind = {"i": "identify", "a": "alias", "d": "dangerously"}[how[0]]
        claims.append(Said(into, other, kind, int(how[1:]), number.to_bytes(16)))
    return claims


HISTORIES = {
    "chain": "b<a i1, c<b a2, d<c a3, e<d d4, f<e i5",
    "star": "ada<b i1, ada<c i1, ada<d a1, ada<e d2, ada<f i2",
    "inverse star": "b<anon i1, c<anon i2, d<anon i3, e<anon d4, f<anon a5",
    "cycle": "b<a a1, c<b a2, a<c a3, a<b i3, c<a d4",
    "equal timestamps": "b<a i1, c<a i1, b<c a1, c<b d1, a< i1",
    "marks": "a< i2, b<a i3, b<a i1, c<b a4, c< i3, c<b d5",
    "refused, then allowed": "u<a i1, v<a i2, v<a d3, v<u a4, w<v i5, w< i2",
    "repeats": "u<a i5, u<a i3, u<a i4, v<a i4, v<a i6, v<a a2",
    "two sides": "b<a i1, d<c i1, c<b i2, b<c a3, x<d i4, x<a i3",
}


@pytest.mark.parametrize("rules", [RULES, IdentityRules(max_distinct_ids=3), IdentityRules(too_common=2)])
@pytest.mark.parametrize("history", HISTORIES)
def test_every_order_of_six_claims_gives_the_same_people(history: str, rules: IdentityRules) -> None:
    claims = said(HISTORIES[history])
    wanted = expected(list(claims), rules)

    for order in permutations(claims):
        agree(applied(list(order), rules), wanted)


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("recorded_at", [0, 2, 9])
def test_every_order_of_claims_around_a_split_ends_as_the_reference_says(at: int, recorded_at: int) -> None:
    for order in permutations(said("u<a i1, u<a i3, b<u a2, u<c d4, c<b i5")):
        log: Log = [*order[:at], Split("u", recorded_at), *order[at:]]
        agree(applied(log, RULES), expected(log, RULES))
