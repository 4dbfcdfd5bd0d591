"""Where an address is, told by a database of the operator.

Any file in MaxMind's format (MMDB, version 2) with the records that MaxMind and DB-IP write: City, Country and ASN,
free and paid. None comes with Headrace: their licences ask for an account or for naming the source.
"""

import ipaddress
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import _CacheInfo, lru_cache
from typing import Any

import maxminddb

from schemas.event_parts import completed
from transforms.interface import (
    Annotated,
    DataFile,
    Example,
    LookupSource,
    OpenEvent,
    Result,
    Transform,
    TransformConfig,
    about,
)

__all__ = ["Geoip", "read_database"]

ADDRESSES_KEPT = 16_384
"""How many addresses a worker remembers: some 20 MB, and visitors send several events each."""
_ADDRESS_CHARS_MAX = 100


def _first_subdivision(record: Mapping[str, Any]) -> Any:
    found = record.get("subdivisions")
    return found[0] if isinstance(found, list) and found else None


def _at(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    def value(record: Mapping[str, Any]) -> Any:
        found: Any = record
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return value


_VALUES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "country_code": _at("country", "iso_code"),
    "country_name": _at("country", "names"),
    "city_name": _at("city", "names"),
    "subdivision_1_code": lambda record: _at("iso_code")(_first_subdivision(record) or {}),
    "subdivision_1_name": lambda record: _at("names")(_first_subdivision(record) or {}),
    "continent_code": _at("continent", "code"),
    "continent_name": _at("continent", "names"),
    "latitude": _at("location", "latitude"),
    "longitude": _at("location", "longitude"),
    "accuracy_radius": _at("location", "accuracy_radius"),
    "time_zone": _at("location", "time_zone"),
    "postal_code": _at("postal", "code"),
    "asn": _at("autonomous_system_number"),
    "as_organization": _at("autonomous_system_organization"),
}
"""By what follows the prefix. Where names stand, there is one for each language."""


class Config(TransformConfig, frozen=True):
    database: Annotated[str, about("The MMDB file: a path, or an http or https URL.", min_length=1)]
    property: Annotated[str, about("Which property holds the address.")] = "$ip"
    prefix: Annotated[str, about("What the names of the added properties begin with.")] = "$geoip_"
    fields: Annotated[
        tuple[str, ...], about("Which of them to add: country_code, city_name, latitude, asn, …; all if empty.")
    ] = ()
    language: Annotated[str, about("The language of the names, if the database has it; else English.")] = "en"
    overwrite: Annotated[bool, about("Whether to replace what the sender already gave.")] = False

    def __post_init__(self) -> None:
        for field in self.fields:
            if field not in _VALUES:
                raise ValueError(f"fields: there is no {field!r}; there are {', '.join(_VALUES)}")


_Config = Config
"""In the class below, `Config` is its attribute, which is no type to annotate with."""


class Geoip(Transform[Config]):
    """Tell country, region, city, time zone and network from the address.

    You give the database: MaxMind's GeoLite2 and GeoIP2 or DB-IP's, City, Country or ASN (use this twice for two
    files). What the file does not know is left out; of several subdivisions the largest counts. Names are in English
    unless `language` says otherwise and the file has it. Only a plain address is understood, with or without spaces
    around it. Put it before `anonymize_ip`: a cut address is found less precisely. What the sender gave stays, unless
    `overwrite` is set. The file is looked at again when it changes; replace it by renaming a new one over it, as
    `geoipupdate` does, never by writing into it.
    """

    name = "geoip"
    Config = Config
    examples = (
        Example(
            says="A city database, a few of its fields",
            config={"database": "GeoLite2-City.mmdb", "fields": ["country_code", "city_name", "time_zone"]},
            before={"properties": {"$ip": "81.2.69.160"}},
            after={
                "properties": {
                    "$ip": "81.2.69.160",
                    "$geoip_country_code": "GB",
                    "$geoip_city_name": "London",
                    "$geoip_time_zone": "Europe/London",
                }
            },
        ),
        Example(
            says="An address that is nowhere",
            config={"database": "GeoLite2-City.mmdb"},
            before={"properties": {"$ip": "127.0.0.1"}},
            after={"properties": {"$ip": "127.0.0.1"}},
        ),
    )

    @classmethod
    def sources(cls, config: _Config) -> Mapping[str, LookupSource]:
        return {"database": LookupSource(config.database, read_database)}

    def open(self) -> None:
        self._values = {self.config.prefix + name: _VALUES[name] for name in self.config.fields or _VALUES}
        self._database = self.lookups["database"]
        self._reader: maxminddb.Reader = self._database.value
        self._known = lru_cache(maxsize=ADDRESSES_KEPT)(self._find)

    def cache_info(self) -> _CacheInfo:
        """How often an address was known already: hits, misses, size."""
        return self._known.cache_info()

    def data(self) -> tuple[DataFile, ...]:
        about_it = self.lookups["database"].value.metadata()
        made = datetime.fromtimestamp(about_it.build_epoch, UTC)
        return (DataFile(self.config.database, about_it.database_type, f"{made:%Y-%m-%d}"),)

    def reads(self) -> Collection[str]:
        return (self.config.property,)

    def gives(self) -> Collection[str]:
        return self._values

    def __call__(self, event: OpenEvent) -> Result:
        address = event.get(self.config.property)
        if not isinstance(address, str) or len(address) > _ADDRESS_CHARS_MAX:
            return event
        if self._database.value is not self._reader:
            self._reader = self._database.value
            self._known.cache_clear()
        return completed(event, self._known(address), self.config.overwrite)

    def _find(self, text: str) -> dict[str, Any]:
        """What to say of an address, by the names of the properties."""
        try:
            address = ipaddress.ip_address(text.strip().partition("%")[0])
            if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
                address = address.ipv4_mapped
            record = self._reader.get(address)
        except ValueError:  # no address, or one of version 6 in a file that has none
            return {}
        if not isinstance(record, dict):
            return {}
        found = {name: self._plain(value(record)) for name, value in self._values.items()}
        return {name: value for name, value in found.items() if value is not None and value != ""}

    def _plain(self, value: Any) -> Any:
        """A name in the language that was asked for; any other value as it is."""
        if isinstance(value, dict):
            value = value.get(self.config.language) or value.get("en")
        return value if isinstance(value, str | int | float) else None


def read_database(path: str) -> maxminddb.Reader:
    """Opens an MMDB file, mapped into memory: workers share it. Raises ValueError for any other file."""
    try:
        return maxminddb.open_database(path)
    except maxminddb.InvalidDatabaseError as problem:
        raise ValueError(f"it is no MMDB file: {problem}") from None
