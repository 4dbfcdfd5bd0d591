"""The log of claims and splits, record by record: what is answered, what is stored, and what it costs."""

from pipeline.components import Applied, Mapping, Membership, Refused, apply_block, apply_claim, component_of
from pipeline.identity import Claim, ClaimKind, IdentityRules, Person
from schemas.identifiers import person_id

RULES = IdentityRules()
IDENTIFY, ALIAS, DANGEROUSLY = ClaimKind


def claim(into: str, other: str, timestamp: int, kind: ClaimKind = IDENTIFY) -> Claim:
    return Claim(into, other, kind, timestamp, timestamp.to_bytes(16))


def person(name: str) -> bytes:
    return person_id(1, name)


class Log:
    """A project's log, applied record by record to a plain dictionary."""

    def __init__(self, rules: IdentityRules = RULES) -> None:
        self.rules = rules
        self.state: dict[bytes, bytes] = {}
        self.reads: list[bytes] = []
        self.version = 0

    def read(self, key: bytes) -> bytes | None:
        self.reads.append(key)
        return self.state.get(key)

    def claim(self, *claims: Claim) -> Applied:
        """The last one's answer."""
        for one in claims:
            done = self._taken(apply_claim(1, one, self._next(), self.read, self.rules))
        return done

    def block(self, distinct_id: str, recorded_at: int, version: int = 0) -> Applied:
        return self._taken(apply_block(1, distinct_id, recorded_at, version or self._next(), self.read, self.rules))

    def people(self, *ids: str) -> list[str]:
        """For each id the id whose person it has."""
        names = {person(name): name for name in ids}
        found = [component_of(1, name, self.state.get) for name in ids]
        return ["" if one is None else names[one.ids[name].person_id] for name, one in zip(ids, found, strict=True)]

    def _next(self) -> int:
        self.version += 1
        self.reads.clear()
        return self.version

    def _taken(self, done: Applied) -> Applied:
        for key, value in done.changes.items():
            if value is None:
                del self.state[key]
            else:
                self.state[key] = value
        return done


def test_a_first_claim_answers_both_ids() -> None:
    done = Log().claim(claim("ada", "a1", 5))

    assert done.mappings == [Mapping("ada", person("ada"), True, 1), Mapping("a1", person("ada"), True, 1)]
    assert done.memberships == [
        Membership(person("ada"), "ada", True, True, 1),
        Membership(person("a1"), "a1", False, False, 1),
        Membership(person("ada"), "a1", True, True, 1),
    ]
    assert done.refused == []
    assert sorted(done.changes) == [b"i1:cada", b"i1:da1", b"i1:dada"]


def test_an_id_whose_answer_stays_is_not_answered_again() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 5))

    done = log.claim(claim("ada", "a2", 6))

    assert done.mappings == [Mapping("a2", person("ada"), True, 2)]


def test_a_mark_answers_that_the_id_is_identified() -> None:
    done = Log().claim(claim("ada", "", 5))

    assert done.mappings == [Mapping("ada", person("ada"), True, 1)]
    assert done.memberships == [Membership(person("ada"), "ada", True, True, 1)]


def test_a_repeat_changes_nothing_and_reads_only_its_ids_and_their_component() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 5), *(claim("ada", f"a{number}", 6) for number in range(2, 50)))

    assert log.claim(claim("ada", "a1", 5)) == Applied({}, [], [], [])
    assert log.reads == [b"i1:dada", b"i1:da1", b"i1:cada"]


def test_a_later_repeat_is_remembered_only_as_the_newest_time_of_its_ids() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 5))

    done = log.claim(claim("ada", "a1", 9))

    assert sorted(done.changes) == [b"i1:da1", b"i1:dada"]
    assert (done.mappings, done.memberships, done.refused) == ([], [], [])


def test_a_later_mark_changes_nothing() -> None:
    log = Log()
    log.claim(claim("ada", "", 5))

    assert log.claim(claim("ada", "", 9)) == Applied({}, [], [], [])


def test_an_earlier_repeat_takes_the_place_of_the_later_one() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 5), claim("ada", "a1", 3))

    component = component_of(1, "a1", log.state.get)

    assert component is not None
    assert component.claims == [claim("ada", "a1", 3)]


def test_a_late_claim_changes_earlier_answers_and_verdicts() -> None:
    log = Log()
    log.claim(claim("ada", "phone", 5))

    done = log.claim(claim("bob", "phone", 3))

    assert {(one.distinct_id, one.person_id) for one in done.mappings} == {
        ("bob", person("bob")),
        ("phone", person("bob")),
    }
    assert done.refused == [Refused(claim("ada", "phone", 5), "already_identified")]


def test_a_verdict_is_told_once() -> None:
    log = Log()
    told = log.claim(claim("ada", "phone", 1), claim("bob", "phone", 2))

    again = log.claim(claim("bob", "b1", 3))

    assert told.refused == [Refused(claim("bob", "phone", 2), "already_identified")]
    assert again.refused == []


def test_illegal_claims_touch_no_state() -> None:
    log = Log()
    same, nobody = claim("ada", "ada", 1), claim("ada", "guest", 1)

    assert log.claim(same) == Applied({}, [], [], [Refused(same, "same_distinct_id")])
    assert log.claim(nobody) == Applied({}, [], [], [Refused(nobody, "illegal_distinct_id")])
    assert log.state == {}


def test_joining_two_components_points_the_smaller_one_to_the_larger() -> None:
    log = Log()
    log.claim(claim("bob", "b1", 1), claim("ada", "a1", 1), claim("ada", "a2", 2))

    done = log.claim(claim("bob", "ada", 3, DANGEROUSLY))

    assert sorted(done.changes) == [b"i1:cada", b"i1:cbob", b"i1:dada", b"i1:db1", b"i1:dbob"]
    assert done.changes[b"i1:cbob"] is None
    assert log.people("ada", "a1", "a2", "bob", "b1") == ["bob"] * 5


def test_projects_share_nothing() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 1))

    assert component_of(2, "ada", log.state.get) is None


def test_a_split_parts_what_was_joined_and_nothing_else() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 1), claim("ada", "a2", 2))

    done = log.block("a1", 0)

    assert done.mappings == [Mapping("a1", person("a1"), False, 3)]
    assert done.memberships == [
        Membership(person("ada"), "a1", False, False, 3),
        Membership(person("a1"), "a1", True, False, 3),
    ]
    assert done.refused == [Refused(claim("ada", "a1", 1), "split")]
    assert log.people("ada", "a1", "a2") == ["ada", "a1", "ada"]


def test_a_split_covers_the_newest_claim_ahead_of_it_even_a_repeat() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 1), claim("ada", "a1", 50))
    log.block("a1", 20)

    log.claim(claim("ada", "a1", 50))

    assert log.people("ada", "a1") == ["ada", "a1"]


def test_a_claim_that_comes_after_a_split_and_is_older_is_refused() -> None:
    log = Log()
    log.block("a1", 20)

    done = log.claim(claim("ada", "a1", 20))

    assert done.refused == [Refused(claim("ada", "a1", 20), "split")]


def test_a_login_after_a_split_merges_again_and_both_claims_are_kept() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 1))
    log.block("a1", 20)
    log.claim(claim("ada", "a1", 40), claim("ada", "a1", 30))

    component = component_of(1, "ada", log.state.get)

    assert log.people("ada", "a1") == ["ada", "ada"]
    assert component is not None
    assert (component.claims, component.verdicts) == ([claim("ada", "a1", 1), claim("ada", "a1", 30)], ["split", ""])
    assert component.blocks == {"a1": 20}


def test_a_second_split_parts_again_and_only_the_first_claim_is_still_kept() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 1))
    log.block("a1", 20)
    log.claim(claim("ada", "a1", 40))
    log.block("a1", 0)

    component = component_of(1, "ada", log.state.get)

    assert component is not None
    assert (component.verdicts, component.blocks) == (["split"], {"a1": 40})


def test_an_earlier_split_does_not_shorten_a_later_one() -> None:
    log = Log()
    log.block("a1", 20)
    log.block("a1", 10)

    assert log.claim(claim("ada", "a1", 15)).refused == [Refused(claim("ada", "a1", 15), "split")]


def test_a_split_that_is_replayed_does_not_cover_the_claims_after_it() -> None:
    log = Log()
    log.claim(claim("ada", "a1", 1))
    log.block("a1", 20)
    log.claim(claim("ada", "a1", 40))

    assert log.block("a1", 20, version=2) == Applied({}, [], [], [])


def test_an_id_claimed_with_too_many_others_leaves_and_the_rest_falls_apart() -> None:
    log = Log(IdentityRules(too_common=2))
    log.claim(claim("ada", "kiosk", 1), claim("ada", "a1", 2), claim("bob", "kiosk", 3), claim("bob", "", 4))

    done = log.claim(claim("eve", "kiosk", 5))

    assert {(one.distinct_id, one.person_id, one.identified) for one in done.mappings} == {
        ("kiosk", person("kiosk"), False)
    }
    assert [one.rule for one in done.refused] == ["too_common"] * 3
    assert log.people("ada", "a1", "bob", "kiosk", "eve") == ["ada", "ada", "bob", "kiosk", ""]
    assert component_of(1, "ada", log.state.get) != component_of(1, "bob", log.state.get)


def test_an_id_with_nothing_left_is_answered_with_its_own_person() -> None:
    log = Log(IdentityRules(too_common=1))
    log.claim(claim("kiosk", "ada", 1))

    done = log.claim(claim("kiosk", "bob", 2))

    assert Mapping("ada", person("ada"), False, 2) in done.mappings
    assert component_of(1, "ada", log.state.get) is None
    assert [key for key in log.state if key.startswith(b"i1:c")] == []


def test_an_id_too_common_merges_nobody_any_more_and_only_that_is_known() -> None:
    log = Log(IdentityRules(too_common=1))
    log.claim(claim("kiosk", "ada", 1), claim("kiosk", "bob", 2))

    merge, mark = claim("eve", "kiosk", 3), claim("kiosk", "", 4)

    assert log.claim(merge).refused == [Refused(merge, "too_common")]
    assert log.claim(mark) == Applied({}, [], [], [Refused(mark, "too_common")])
    assert log.block("kiosk", 9) == Applied({}, [], [], [])
    found = component_of(1, "kiosk", log.state.get)
    assert found is not None
    assert found.too_common
    assert (found.ids, found.claims) == ({"kiosk": Person(person("kiosk"), False)}, [])


def test_an_id_too_common_still_counts_as_a_partner_of_others() -> None:
    log = Log(IdentityRules(too_common=2))
    log.claim(*(claim(one, other, 1) for one in ("kiosk", "till") for other in ("x", "y", "z")))
    log.claim(claim("ada", "kiosk", 2), claim("ada", "kiosk", 3), claim("ada", "a1", 4))

    assert log.people("ada", "a1") == ["ada", "ada"]

    done = log.claim(claim("till", "ada", 5))

    assert {one.distinct_id for one in done.mappings} == {"ada", "a1"}
    found = component_of(1, "ada", log.state.get)
    assert found is not None
    assert found.too_common


def test_two_ids_may_become_too_common_by_one_claim() -> None:
    log = Log(IdentityRules(too_common=1))
    log.claim(claim("kiosk", "x", 1), claim("till", "y", 1), claim("x", "", 2))

    log.claim(claim("kiosk", "till", 3))

    assert log.people("kiosk", "till", "x", "y") == ["kiosk", "till", "x", ""]


def test_a_block_outlives_the_claims_of_an_id_too_common() -> None:
    log = Log(IdentityRules(too_common=1))
    log.claim(claim("kiosk", "ada", 1))
    log.block("ada", 20)
    log.claim(claim("kiosk", "bob", 2))

    found = component_of(1, "ada", log.state.get)

    assert found is not None
    assert found.blocks == {"ada": 20}
