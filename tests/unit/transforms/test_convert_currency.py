"""Amounts in one currency: the rates that Council Regulation (EC) No 2866/98 fixed, counted with fractions."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.closed_event import closed
from schemas.event import Rejected
from schemas.limits import Limits
from transforms.convert_currency import read_rates
from transforms.testing import Fixed, made, opened

FIXED = {
    "BEF": "40.3399",
    "DEM": "1.95583",
    "ESP": "166.386",
    "FRF": "6.55957",
    "IEP": "0.787564",
    "ITL": "1936.27",
    "LUF": "40.3399",
    "NLG": "2.20371",
    "ATS": "13.7603",
    "PTE": "200.482",
    "FIM": "5.94573",
}
RATES = {"EUR": Decimal(1)} | {currency: Decimal(rate) for currency, rate in FIXED.items()}
KNOWN = [
    # One unit of the old currency in euros, and the other way round.
    (1, "DEM", "EUR", 0.51),
    (1, "EUR", "DEM", 1.96),
    (100, "FRF", "EUR", 15.24),
    (1000, "ITL", "EUR", 0.52),
    (1, "IEP", "EUR", 1.27),
    (10000, "ESP", "EUR", 60.1),
    (0, "DEM", "EUR", 0.0),
    (-100, "FRF", "EUR", -15.24),
    ("19.99", "EUR", "EUR", 19.99),
    # Halves go away from zero: 0.125 and 0.375 are exact.
    ("0.125", "EUR", "EUR", 0.13),
    ("-0.125", "EUR", "EUR", -0.13),
    (0.375, "EUR", "EUR", 0.38),
    # 1.005 as a binary fraction is less; as money it is not.
    (1.005, "EUR", "EUR", 1.01),
]


def step(target: str = "EUR", rates: Any = RATES, **config: Any) -> Any:
    return made("convert_currency", {"rates": "rates.csv", "target": target, **config}, {"rates": Fixed(rates)})


def priced(price: object, currency: object = "FRF") -> Any:
    return opened({"properties": {"price": price, "currency": currency}})


@pytest.mark.parametrize(("amount", "currency", "target", "expected"), KNOWN)
def test_an_amount_is_converted_and_rounded(amount: object, currency: str, target: str, expected: float) -> None:
    assert step(target)(priced(amount, currency)).properties[f"price_{target.lower()}"] == expected


@given(
    st.decimals(-(10**9), 10**9, places=4),
    st.sampled_from(sorted(RATES)),
    st.sampled_from(sorted(RATES)),
    st.integers(0, 8),
)
def test_every_amount_is_exact_to_its_last_digit(amount: Decimal, source: str, target: str, digits: int) -> None:
    after = step(target, into="to", digits=digits)(priced(f"{amount:f}", source))
    result = json.loads(closed(after, Limits()).properties, parse_float=Fraction)["to"]

    exact = abs(Fraction(amount)) * Fraction(RATES[target]) / Fraction(RATES[source])
    rounded = Fraction((exact * 10**digits + Fraction(1, 2)).__floor__(), 10**digits)
    assert abs(result) == rounded


def test_an_amount_that_no_float_holds_keeps_its_digits() -> None:
    after = step(digits=8)(priced("123456789012345.12345678", "EUR"))

    assert after.properties["price_eur"] == msgspec.Raw(b"123456789012345.12345678")


def test_the_currency_is_read_with_spaces_and_in_small_letters() -> None:
    assert step()(priced(100, " frf ")).properties["price_eur"] == 15.24


@pytest.mark.parametrize(
    ("price", "currency"),
    [
        (100, "XXX"),
        (100, None),
        (100, 7),
        (100, "F" * 100),
        ("many", "FRF"),
        ("1,000.00", "FRF"),
        ("", "FRF"),
        (True, "FRF"),
        (10**15, "FRF"),
        (1e300, "FRF"),
        (2**70, "FRF"),
        ([100], "FRF"),
        ({}, "FRF"),
    ],
)
def test_what_is_not_understood_stays_or_rejects_the_event(price: object, currency: object) -> None:
    event = priced(price, currency)

    assert step()(event) is event
    assert isinstance(step(unknown="reject")(event), Rejected)


@pytest.mark.parametrize("properties", [{}, {"price": None, "currency": "FRF"}])
def test_an_event_without_an_amount_is_left_alone(properties: dict[str, object]) -> None:
    event = opened({"properties": properties})

    assert step(unknown="reject")(event) is event


def test_a_converted_event_stays_as_it_is() -> None:
    convert = step()
    after = convert(priced(100))

    assert convert(after) is after


def test_new_rates_count_from_when_they_come() -> None:
    table = Fixed(RATES)
    convert = made("convert_currency", {"rates": "x", "target": "EUR"}, {"rates": table})
    table.value = {"EUR": Decimal(1), "FRF": Decimal(5)}

    assert convert(priced(100)).properties["price_eur"] == 20


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rates.csv", "currency,rate\nUSD,1.0825\nJPY, 161.2\n"),
        ("rates.csv", "\ufeffdate,currency,rate\r\n2026-09-21,usd,1.0825\r\n2026-09-21,JPY,161.2\r\n"),
        ("rates.json", '{"USD": 1.0825, "JPY": 161.2}'),
        ("rates.json", '{"base": "EUR", "date": "2026-09-21", "rates": {"USD": 1.0825, "JPY": "161.2", "EUR": 1}}'),
    ],
)
def test_rates_are_read_from_both_kinds_of_files(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    assert read_rates(str(tmp_path / name), "EUR") == {
        "EUR": Decimal(1),
        "USD": Decimal("1.0825"),
        "JPY": Decimal("161.2"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "USD,1.0825\n",
        "currency,rate\nUSD,\n",
        "currency,rate\nUSD\n",
        "currency,rate\nUSD,0\n",
        "currency,rate\nUSD,-1\n",
        "currency,rate\nUSD,NaN\n",
        "currency,rate\nUSD,1e40\n",
        "currency,rate\nus dollar,1\n",
        "currency,rate\nEUR,2\n",
        '{"rates": []}',
        '{"base": "USD", "rates": {"EUR": 0.92}}',
        '{"USD": [1]}',
        "{",
        "",
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "rates").write_text(text)

    with pytest.raises(ValueError):
        read_rates(str(tmp_path / "rates"), "EUR")


@pytest.mark.parametrize("config", [{"target": "CHF"}, {"target": "euro"}, {"base": "euro"}, {"into": "price"}])
def test_a_configuration_that_cannot_be_meant_is_refused(config: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        step(**config)


def test_the_rates_are_read_with_the_base_that_was_configured(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("currency,rate\nEUR,0.92\n")
    place = str(tmp_path / "rates.csv")
    source = step().sources(type(step().config)(rates=place, target="EUR", base="USD"))["rates"]

    assert source.read(source.place) == {"USD": Decimal(1), "EUR": Decimal("0.92")}


def test_a_rejection_shows_only_what_looks_like_a_currency() -> None:
    rejected = [step(unknown="reject")(priced(1, said)) for said in ("XXX", "ada@example.com", "0049301234")]

    assert [found.message.partition(" has ")[0] for found in rejected] == ["XXX of currency", "currency", "currency"]
