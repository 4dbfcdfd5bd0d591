"""Where an address is: MaxMind's published records say what its test databases must answer."""

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.geoip import results
from transforms.geoip import read_database
from transforms.testing import Fixed, made, opened

FILES = Path(__file__).parents[2] / "vectors" / "geoip"


def step(file: str = "GeoLite2-City-Test.mmdb", **config: Any) -> Any:
    return made("geoip", {"database": file, **config}, {"database": Fixed(read_database(str(FILES / file)))})


class Records:
    """A database of one record, as DB-IP and others write them."""

    def __init__(self, record: object) -> None:
        self.record = record

    def get(self, address: object) -> object:
        return self.record


def test_every_published_record_is_told() -> None:
    assert [label for label, passed in results() if not passed] == []


def test_a_number_of_a_network_is_told() -> None:
    after = step("GeoLite2-ASN-Test.mmdb")(opened({"properties": {"$ip": "1.128.0.1"}}))

    assert after.properties["$geoip_asn"] == 1221
    assert after.properties["$geoip_as_organization"] == "Telstra Pty Ltd"


@pytest.mark.parametrize("address", [" 81.2.69.160 ", "::ffff:81.2.69.160"])
def test_an_address_is_understood_in_its_notations(address: str) -> None:
    assert step()(opened({"properties": {"$ip": address}})).properties["$geoip_city_name"] == "London"


@pytest.mark.parametrize(
    "address",
    ["", "81.2.69", "81.2.69.160:443", "81.2.69.160, 10.0.0.1", "0x51.2.69.160", "a\x00b", "9" * 500, None, 7, [1], {}],
)
def test_what_is_no_address_changes_nothing(address: object) -> None:
    event = opened({"properties": {"$ip": address}})

    assert step()(event) is event


def test_an_address_that_the_file_does_not_know_changes_nothing() -> None:
    event = opened({"properties": {"$ip": "127.0.0.1"}})

    assert step()(event) is event


def test_names_come_in_the_language_asked_for_else_in_english() -> None:
    found = [
        step(language=language)(opened({"properties": {"$ip": "81.2.69.160"}})).properties["$geoip_country_name"]
        for language in ("de", "eo")
    ]

    assert found == ["Vereinigtes Königreich", "United Kingdom"]


def test_what_the_sender_gave_stays_unless_it_is_overwritten() -> None:
    event = opened({"properties": {"$ip": "81.2.69.160", "$geoip_city_name": "Leeds"}})
    overwriting = step(overwrite=True)

    assert step()(event).properties["$geoip_city_name"] == "Leeds"
    assert overwriting(event).properties["$geoip_city_name"] == "London"
    assert overwriting(overwriting(event)) == overwriting(event)


def test_only_the_fields_asked_for_are_added() -> None:
    after = step(fields=["country_code"], prefix="geo_")(opened({"properties": {"$ip": "81.2.69.160"}}))

    assert dict(after.properties) == {"$ip": "81.2.69.160", "geo_country_code": "GB"}


def test_a_located_event_stays_as_it_is() -> None:
    locate = step()
    after = locate(opened({"properties": {"$ip": "81.2.69.160"}}))

    assert locate(after) is after


@pytest.mark.parametrize(
    "record", [None, "text", {"city": "text"}, {"subdivisions": {}}, {"subdivisions": [7]}, {"country": {"names": []}}]
)
def test_a_record_of_another_form_says_nothing(record: object) -> None:
    event = opened({"properties": {"$ip": "81.2.69.160"}})

    assert made("geoip", {"database": "x"}, {"database": Fixed(Records(record))})(event) is event


def test_a_record_without_codes_is_told_by_its_names() -> None:
    record = {"city": {"names": {"en": "Brno"}}, "subdivisions": [{"names": {"en": "South Moravian"}}]}
    after = made("geoip", {"database": "x"}, {"database": Fixed(Records(record))})(
        opened({"properties": {"$ip": "1.1.1.1"}})
    )

    assert after.properties["$geoip_city_name"] == "Brno"
    assert after.properties["$geoip_subdivision_1_name"] == "South Moravian"


def test_a_new_file_is_asked_when_it_comes() -> None:
    table = Fixed(Records({"country": {"iso_code": "GB"}}))
    locate, event = made("geoip", {"database": "x"}, {"database": table}), opened({"properties": {"$ip": "1.1.1.1"}})

    assert locate(event).properties["$geoip_country_code"] == "GB"

    table.value = Records({"country": {"iso_code": "IE"}})

    assert locate(event).properties["$geoip_country_code"] == "IE"


def test_an_address_is_looked_up_once_and_the_hit_rate_can_be_shown() -> None:
    locate = step()
    for _ in range(5):
        locate(opened({"properties": {"$ip": "81.2.69.160"}}))

    assert (locate.cache_info().hits, locate.cache_info().misses) == (4, 1)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mmdb").write_text("not one")

    with pytest.raises(ValueError, match="MMDB"):
        read_database(str(tmp_path / "text.mmdb"))


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="country_code"):
        step(fields=["country"])


def test_the_database_is_what_has_to_be_read() -> None:
    source = step().sources(step().config)["database"]

    assert (source.place, source.read) == ("GeoLite2-City-Test.mmdb", read_database)
