"""Addresses keep the network: vectors follow the address notations of RFC 4291 and RFC 5952."""

import pytest

from transforms.testing import made, opened, run

VECTORS = [
    ("93.184.216.34", "93.184.216.0"),
    (" 93.184.216.34 ", "93.184.216.0"),
    ("0.0.0.0", "0.0.0.0"),
    ("255.255.255.255", "255.255.255.0"),
    ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3::"),
    ("2001:DB8:85A3:0:0:8A2E:370:7334", "2001:db8:85a3::"),
    ("::1", "::"),
    ("::ffff:93.184.216.34", "93.184.216.0"),
    ("fe80::1%eth0", "fe80::"),
]
NO_ADDRESSES = [
    "",
    "localhost",
    "93.184.216",
    "93.184.216.34:80",
    "[2001:db8::1]",
    "93.184.216.34, 10.0.0.1",
    "012.1.1.1",
]


@pytest.mark.parametrize(("address", "network"), VECTORS)
def test_an_address_keeps_its_network(address: str, network: str) -> None:
    assert run("anonymize_ip", {"properties": {"$ip": address}}).properties["$ip"] == network


@pytest.mark.parametrize("text", [*NO_ADDRESSES, None, 7, ["93.184.216.34"], {"v4": "93.184.216.34"}])
def test_what_is_no_address_is_removed(text: object) -> None:
    assert dict(run("anonymize_ip", {"properties": {"$ip": text, "plan": "pro"}}).properties) == {"plan": "pro"}


def test_person_properties_are_cut_as_well() -> None:
    after = run("anonymize_ip", {"$set": {"$ip": "10.1.2.3"}, "$set_once": {"$ip": "10.1.2.3"}})

    assert (dict(after.set), dict(after.set_once)) == ({"$ip": "10.1.2.0"}, {"$ip": "10.1.2.0"})


def test_a_cut_address_stays_as_it_is() -> None:
    event = opened({"properties": {"$ip": "93.184.216.0"}})

    assert made("anonymize_ip")(event) is event


def test_how_much_stays_can_be_set() -> None:
    after = run("anonymize_ip", {"properties": {"$ip": "93.184.216.34"}}, {"v4_bits": 8})

    assert after.properties["$ip"] == "93.0.0.0"


def test_a_property_named_twice_is_cut_once() -> None:
    config = {"properties": ["$ip", "$ip"]}

    assert dict(run("anonymize_ip", {"properties": {"$ip": "none"}}, config).properties) == {}
    assert dict(run("anonymize_ip", {"properties": {"$ip": "10.1.2.3"}}, config).properties) == {"$ip": "10.1.2.0"}


def test_addresses_inside_of_objects_and_lists_are_cut() -> None:
    said = {"user": {"ip": "10.1.2.3"}, "hops": [{"ip": "10.1.2.3"}, {"ip": "none"}], "last_ip": "10.1.2.3"}

    after = run("anonymize_ip", {"properties": said, "$set": said}, {"properties": ["user.ip", "hops.ip", "*_ip"]})

    cut = {"user": {"ip": "10.1.2.0"}, "hops": [{"ip": "10.1.2.0"}, {}], "last_ip": "10.1.2.0"}
    assert (dict(after.properties), dict(after.set)) == (cut, cut)


@pytest.mark.parametrize("properties", [[], [""], ["a.b.c.d.e.f.g.h.i"]])
def test_a_configuration_that_guards_nothing_is_refused(properties: list[str]) -> None:
    with pytest.raises(ValueError):
        made("anonymize_ip", {"properties": properties})


@pytest.mark.parametrize(
    ("address", "config", "network"),
    [
        ("2002:5db8:d822::1", {}, "2002:5db8:d800::"),
        ("2002:5db8:d822:1::1", {"v6_bits": 128, "v4_bits": 8}, "2002:5d00::"),
        ("2002:5db8:d822::1", {"v6_bits": 16}, "2002::"),
        ("64:ff9b::5db8:d822", {"v6_bits": 128}, "64:ff9b::5db8:d800"),
        ("::5db8:d822", {"v6_bits": 128}, "::5db8:d800"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", {"v6_bits": 128}, "2001:0:4136:e378::"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", {}, "2001:0:4136::"),
    ],
)
def test_of_an_ipv4_address_in_an_ipv6_address_no_more_stays(
    address: str, config: dict[str, int], network: str
) -> None:
    assert run("anonymize_ip", {"properties": {"$ip": address}}, config).properties["$ip"] == network


def test_an_address_inside_of_an_object_alone_is_cut_wherever_it_stands() -> None:
    said = {"user": {"ip": "93.184.216.34"}, "$ip": "93.184.216.34"}

    after = run("anonymize_ip", {"properties": said, "$set": said}, {"properties": ["user.ip"]})

    assert after.properties["user"] == after.set["user"] == {"ip": "93.184.216.0"}
