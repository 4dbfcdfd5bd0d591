"""Addresses keep the network and lose the visitor.

An IPv4 address keeps its first 24 bits, an IPv6 address its first 48: what analytics services took to calling
anonymized. An IPv6 address that carries an IPv4 address (RFC 4291, 2.5.5) is cut as that, and where it carries one
inside (6to4, RFC 3056; NAT64, RFC 6052; Teredo, RFC 4380), no more of it stays.
"""

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any

from schemas.event_parts import ValuePart, revalued, revalued_at
from schemas.property_paths import GONE, paths_of
from schemas.remembered import Remembered
from transforms.interface import Annotated, Example, Given, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["AnonymizeIp"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PARTS: tuple[ValuePart, ...] = ("properties", "$set", "$set_once")
ADDRESSES_KEPT = 65_536
"""How many addresses a worker remembers: some 15 MB, and visitors send several events each."""
_CARRIERS = tuple(
    (ipaddress.IPv6Network(network), before)
    for network, before in (("2002::/16", 16), ("64:ff9b::/96", 96), ("::/96", 96))
)
"""Networks whose addresses carry an IPv4 address, and how many bits stand before it."""
_TEREDO = ipaddress.IPv6Network("2001::/32")
_TEREDO_SERVER_BITS = 64
"""What stands before the port and the address of the visitor: the network and the server."""
_ADDRESS_CHARS_MAX = 100
"""What is longer is no address."""


class Config(TransformConfig, frozen=True):
    properties: Annotated[
        tuple[str, ...],
        about(
            "Which properties hold addresses: names, paths such as `user.ip`, patterns such as `*_ip`. What is no "
            "address is removed.",
            min_length=1,
        ),
    ] = ("$ip",)
    v4_bits: Annotated[int, about("How many bits of an IPv4 address stay.", ge=0, le=32)] = 24
    v6_bits: Annotated[int, about("How many bits of an IPv6 address stay.", ge=0, le=128)] = 48

    def __post_init__(self) -> None:
        paths_of(self.properties)


class AnonymizeIp(Transform[Config]):
    """Cut addresses to their network: the region can still be found, the visitor cannot.

    Only a plain address is understood, with or without spaces around it. Anything else in these properties is removed:
    a guard that lets pass what it does not understand is none. Addresses in `$set` and `$set_once` are cut as well.
    """

    name = "anonymize_ip"
    Config = Config
    privacy = True
    persons = True
    examples = (
        Example(
            says="Both kinds of addresses",
            config={"properties": ["$ip", "gateway"]},
            before={"properties": {"$ip": "93.184.216.34", "gateway": "2001:db8:aa:bb::1"}},
            after={"properties": {"$ip": "93.184.216.0", "gateway": "2001:db8:aa::"}},
        ),
        Example(
            says="What is no address goes",
            before={"properties": {"$ip": "93.184.216.34, 10.0.0.1", "plan": "pro"}},
            after={"properties": {"plan": "pro"}},
        ),
    )

    def open(self) -> None:
        self._paths = paths_of(self.config.properties)
        self._names = None if self._paths.names is None else tuple(sorted(self._paths.names))
        self._cut = Remembered(self._network, ADDRESSES_KEPT)

    def reads(self) -> Collection[str] | None:
        return self._paths.tops

    def additions(self, given: Given) -> Mapping[str, Any] | None:
        if self._names is None:
            return None
        new: dict[str, Any] = {}
        for name in self._names:
            value = given.get(name, GONE)
            if value is GONE:
                continue
            network = self._anonymized(name, value)
            if network is GONE:
                return None
            if network is not value:
                new[name] = network
        return new

    def __call__(self, event: OpenEvent) -> Result:
        if self._names is None:
            return revalued_at(event, _PARTS, self._paths, lambda value: self._anonymized("", value))
        return revalued(event, _PARTS, self._names, self._anonymized)

    def _anonymized(self, _: str, value: Any) -> Any:
        """An address without the visitor; anything else goes."""
        network = self._cut[value] if isinstance(value, str) and len(value) <= _ADDRESS_CHARS_MAX else None
        if network is None:
            return GONE
        return value if network == value else network

    def _network(self, text: str) -> str | None:
        try:
            address: _Address = ipaddress.ip_address(text.strip().partition("%")[0])
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        bits = self.config.v4_bits if isinstance(address, ipaddress.IPv4Address) else self._v6_bits(address)
        gone = address.max_prefixlen - bits
        return str(type(address)(int(address) >> gone << gone))

    def _v6_bits(self, address: ipaddress.IPv6Address) -> int:
        """How many bits stay, of an IPv4 address in it no more than of one by itself."""
        bits = self.config.v6_bits
        if address in _TEREDO:
            return min(bits, _TEREDO_SERVER_BITS)
        return next((min(bits, before + self.config.v4_bits) for net, before in _CARRIERS if address in net), bits)
