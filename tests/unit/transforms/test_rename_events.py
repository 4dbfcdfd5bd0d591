"""Names of one spelling: the tests of lodash and change-case, other scripts, and names of the path."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conformance import rename_events
from transforms.testing import made, opened, run

RESULTS = rename_events.results()
CASES = ["keep", "snake", "camel", "pascal", "kebab", "spaces", "title"]


def renamed(name: str, case: str = "snake", **config: object) -> str:
    after: str = run("rename_events", {"event": name}, {"case": case, **config}).event
    return after


@pytest.mark.parametrize(("label", "passed"), RESULTS, ids=[label for label, _ in RESULTS])
def test_it_spells_names_as_others_do(label: str, passed: bool) -> None:
    assert passed is (label not in rename_events.DEVIATIONS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Größe gewählt", "größe_gewählt"),
        ("ЗаказОплачен", "заказ_оплачен"),
        ("Καλάθι Αγορών", "καλάθι_αγορών"),
        ("购买 完成", "购买_完成"),
        ("ऑर्डर पूरा", "ऑर्डर_पूरा"),
        ("Cafe\u0301Visited", "cafe\u0301_visited"),
        ("order/paid:v2", "order_paid_v2"),
        ("Didn't convert", "didnt_convert"),
        ("HTTPServerError500", "http_server_error500"),
    ],
)
def test_words_of_every_script(name: str, expected: str) -> None:
    assert renamed(name) == expected


@pytest.mark.parametrize("name", ["$pageview", "$Set Once", "$"])
@pytest.mark.parametrize("case", CASES)
def test_names_of_the_path_stay(name: str, case: str) -> None:
    event = opened({"event": name})

    assert made("rename_events", {"case": case})(event) is event


@pytest.mark.parametrize("name", ["🛒", "---", " "])
def test_a_name_without_words_stays(name: str) -> None:
    assert renamed(name) == name


def test_chosen_names_go_before_and_stay_as_they_stand() -> None:
    names = {"regDone": "User Registered", "order_paid": "Paid"}

    assert [renamed(name, names=names) for name in ("regDone", "User Registered", "Order Paid", "reg done")] == [
        "User Registered",
        "User Registered",
        "Paid",
        "reg_done",
    ]


@pytest.mark.parametrize("names", [{"$pageview": "page"}, {"page": "$pageview"}, {"a": ""}, {"a": "b", "b": "c"}])
def test_names_that_cannot_be_given_are_refused(names: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        made("rename_events", {"names": names})


@given(name=st.text(min_size=1, max_size=30), case=st.sampled_from(CASES), split=st.booleans())
@example(name="a b c d", case="camel", split=False)
@example(name="İstanbul ßtraße ǅ", case="pascal", split=True)
def test_twice_is_once(name: str, case: str, split: bool) -> None:
    once = renamed(name, case, split_numbers=split)

    assert once
    assert renamed(once, case, split_numbers=split) == once
