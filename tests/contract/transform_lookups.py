"""What the transformations look up in the contract tests, by their names."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from transforms.geoip import read_database
from transforms.testing import Fixed

__all__ = ["LOOKUPS"]

_CITIES = Path(__file__).parents[1] / "vectors" / "geoip" / "GeoLite2-City-Test.mmdb"

LOOKUPS: dict[str, dict[str, Any]] = {
    "convert_currency": {"rates": Fixed({"EUR": Decimal(1), "FRF": Decimal("6.55957"), "DEM": Decimal("1.95583")})},
    "geoip": {"database": Fixed(read_database(str(_CITIES)))},
}
