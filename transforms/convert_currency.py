"""Amounts of money in one currency, by rates that the operator gives.

Counted in decimals, as money is: 0.1 is a tenth here, not the nearest binary fraction.
"""

import csv
import json
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import partial
from typing import Any, Literal

import msgspec

from transforms.interface import (
    Annotated,
    Example,
    LookupSource,
    OpenEvent,
    Result,
    Transform,
    TransformConfig,
    about,
    refused,
)

__all__ = ["ConvertCurrency", "read_rates"]

_EXACT = Context(prec=128, rounding=ROUND_HALF_UP)
"""Enough that only the last rounding rounds. With amounts and rates within the limits below, a result that is not
exactly half a unit is away from it by more than 1 in the last of these digits."""
AMOUNT_END = 10**15
"""From here on an amount is no amount of money; below, a float still tells cents."""
_AMOUNT = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_AMOUNT_CHARS_MAX = 60
_RATE_DIGITS_MAX = 20
_RATE_ZEROS_MAX = 12
_CODE = re.compile(r"[A-Z][A-Z0-9]{2,9}")
_CODE_CHARS_MAX = 20
_THREE_LETTERS = re.compile(r"[A-Z]{3}")

Rates = Mapping[str, Decimal]
"""How much of each currency one unit of the base is worth."""


class Config(TransformConfig, frozen=True):
    rates: Annotated[
        str, about("A path or URL with the rates: CSV with the columns currency and rate, or JSON.", min_length=1)
    ]
    target: Annotated[str, about("The currency to convert to: EUR, USD, …", pattern="^[A-Z][A-Z0-9]{2,9}$")]
    base: Annotated[
        str,
        about("The currency that the rates are for one unit of; the European Central Bank's are for EUR."),
    ] = "EUR"
    amount: Annotated[str, about("Which property holds the amount.")] = "price"
    currency: Annotated[str, about("Which property holds its currency.")] = "currency"
    into: Annotated[
        str, about("Where the converted amount goes; empty: the amount's name, _ and the target in small letters.")
    ] = ""
    digits: Annotated[int, about("How many digits behind the point it is rounded to.", ge=0, le=8)] = 2
    unknown: Annotated[
        Literal["keep", "reject"],
        about(
            "What becomes of an event whose amount or currency is not understood: it stays as it is, or is rejected."
        ),
    ] = "keep"

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.base):
            raise ValueError(f"base: {self.base!r} is no currency; write it like EUR")


_Config = Config
"""In the class below, `Config` is its attribute, which is no type to annotate with."""


class ConvertCurrency(Transform[Config]):
    """Add what an amount is in your currency: `price: 20, currency: CHF` gets `price_eur`.

    The rates file is CSV with a header (`currency,rate`; other columns are not looked at) or JSON (an object of rates,
    or one with `rates`, and `base` if it says so); a rate is how much of the currency one unit of the base is worth.
    It is read again when it changes, and today's rates then count for all events, late ones too: the amount and its
    currency stay, so that nothing is lost. Counted exactly and rounded once, half away from zero, to `digits` places
    (the yen needs 0). Amounts may be numbers or texts of digits with a point. An event without the amount, or with
    null, is left alone; one whose currency has no rate is kept unchanged, or rejected with `unknown: reject`.
    """

    name = "convert_currency"
    Config = Config
    examples = (
        Example(
            says="Francs in euros, by the rate that was fixed in 1998: 6.55957",
            config={"rates": "rates.csv", "target": "EUR"},
            before={"properties": {"price": 100, "currency": "FRF"}},
            after={"properties": {"price": 100, "currency": "FRF", "price_eur": 15.24}},
        ),
        Example(
            says="Through the base, into a property of choice",
            config={"rates": "rates.csv", "target": "DEM", "amount": "$revenue", "into": "revenue_in_marks"},
            before={"properties": {"$revenue": "1000.00", "currency": "frf"}},
            after={"properties": {"$revenue": "1000.00", "currency": "frf", "revenue_in_marks": 298.16}},
        ),
    )

    @classmethod
    def sources(cls, config: _Config) -> Mapping[str, LookupSource]:
        return {"rates": LookupSource(config.rates, partial(read_rates, base=config.base))}

    def open(self) -> None:
        config = self.config
        self._rates = self.lookups["rates"]
        self._into = config.into or f"{config.amount}_{config.target.lower()}"
        self._unit = Decimal(1).scaleb(-config.digits)
        if config.target not in self._rates.value:
            raise ValueError(f"{config.rates} has no rate for the target {config.target}")
        if self._into in (config.amount, config.currency):
            raise ValueError("into: name another property, or amounts would be converted twice")

    def reads(self) -> Collection[str]:
        return self.config.amount, self.config.currency, self._into

    def __call__(self, event: OpenEvent) -> Result:
        value = event.get(self.config.amount)
        if value is None:
            return event
        amount, currency = _amount(value), _code(event.get(self.config.currency))
        rates: Rates = self._rates.value
        rate, target = rates.get(currency), rates.get(self.config.target)
        if amount is None or rate is None or target is None:
            return event if self.config.unknown == "keep" else refused(self._problem(amount, currency))
        converted = _number(self._converted(amount, rate, target))
        return event if event.get(self._into) == converted else event.adding({self._into: converted})

    def _converted(self, amount: Decimal, rate: Decimal, target: Decimal) -> Decimal:
        exact = amount if rate is target else _EXACT.divide(_EXACT.multiply(amount, target), rate)
        return exact.quantize(self._unit, context=_EXACT)

    def _problem(self, amount: Decimal | None, currency: str) -> str:
        if amount is None:
            return f"{self.config.amount} is no amount: send a number"
        # Nothing else than a currency: senders may put anything there, and messages are columns that people read.
        named = f"{currency} of {self.config.currency}" if _THREE_LETTERS.fullmatch(currency) else self.config.currency
        return f"{named} has no rate to {self.config.target}: send a currency like EUR, or add it to the rates"


def read_rates(path: str, base: str) -> Rates:
    """The rates of a CSV or JSON file, with 1 for the base itself. Raises ValueError with what is wrong in it."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        text = file.read()
    pairs = _of_json(text, base) if text.lstrip().startswith("{") else _of_csv(text)
    rates = {base: Decimal(1)}
    for currency, said in pairs:
        code = currency.strip().upper() if isinstance(currency, str) else ""
        if not _CODE.fullmatch(code):
            raise ValueError(f"{currency!r} is no currency; write it like EUR")
        rate = _rate(said)
        if rate is None:
            raise ValueError(f"the rate of {code} is {said!r}; it must be a number above 0")
        if code == base and rate != 1:
            raise ValueError(f"the rate of {base} is {said}, not 1: set `base` to the currency that has the rate 1")
        rates[code] = rate
    return rates


def _of_json(text: str, base: str) -> Iterable[tuple[Any, Any]]:
    found = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    rates = found.get("rates", found)
    if not isinstance(rates, dict):
        raise ValueError("`rates` must be an object: the currency and its rate")
    said = found.get("base", base) if rates is not found else base
    if said != base:
        raise ValueError(f"its rates are for one {said}, not one {base}: set `base`")
    return rates.items()


def _of_csv(text: str) -> Iterable[tuple[Any, Any]]:
    rows = csv.DictReader(text.splitlines())
    if not {"currency", "rate"} <= set(rows.fieldnames or ()):
        raise ValueError("its first line must name the columns currency and rate")
    return [(row["currency"], row["rate"]) for row in rows]


def _rate(said: Any) -> Decimal | None:
    try:
        rate = said if isinstance(said, Decimal) else Decimal(str(said).strip())
    except InvalidOperation:
        return None
    usable = rate.is_finite() and rate > 0 and len(rate.as_tuple().digits) <= _RATE_DIGITS_MAX
    return rate if usable and abs(rate.adjusted()) <= _RATE_ZEROS_MAX else None


def _amount(value: Any) -> Decimal | None:
    """A JSON number or a text of digits as what it says; None for anything else. A msgspec.Raw is beyond the limit."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return Decimal(repr(value)) if -AMOUNT_END < value < AMOUNT_END else None
    if isinstance(value, str) and len(value) <= _AMOUNT_CHARS_MAX:
        text = value.strip()
        return Decimal(text) if _AMOUNT.fullmatch(text) else None
    return None


def _code(value: Any) -> str:
    return value.strip().upper() if isinstance(value, str) and len(value) <= _CODE_CHARS_MAX else ""


def _number(amount: Decimal) -> float | msgspec.Raw:
    """As a JSON number: a float where it says the same, else the digits themselves."""
    if not amount:
        return 0.0
    short = float(amount)
    return short if Decimal(repr(short)) == amount else msgspec.Raw(f"{amount:f}".encode())
