"""Addresses keep the network and lose the visitor.

An IPv4 address keeps its first 24 bits, an IPv6 address its first 48: what analytics services took to calling
anonymized. An IPv6 address that carries an IPv4 address (RFC 4291, 2.5.5) is cut as that.
"""

import ipaddress
from functools import lru_cache
from typing import Any

from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["AnonymizeIp"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_ABSENT: Any = object()
ADDRESSES_KEPT = 65_536
"""How many addresses a worker remembers: some 15 MB, and visitors send several events each."""
_ADDRESS_CHARS_MAX = 100
"""What is longer is no address."""


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Which properties hold addresses; what is no address is removed.")] = (
        "$ip",
    )
    v4_bits: Annotated[int, about("How many bits of an IPv4 address stay.", ge=0, le=32)] = 24
    v6_bits: Annotated[int, about("How many bits of an IPv6 address stay.", ge=0, le=128)] = 48


class AnonymizeIp(Transform[Config]):
    """Cut addresses to their network: the region can still be found, the visitor cannot.

    Only a plain address is understood, with or without spaces around it. Anything else in these properties is removed:
    a guard that lets pass what it does not understand is none. Addresses in `$set` and `$set_once` are cut as well.
    """

    name = "anonymize_ip"
    Config = Config
    privacy = True
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
        self._cut = lru_cache(maxsize=ADDRESSES_KEPT)(self._network)

    def __call__(self, event: OpenEvent) -> Result:
        sets, once = self._anonymized(event.set), self._anonymized(event.set_once)
        properties = self._anonymized(event.properties)
        if sets is None and once is None:
            # The usual case, and the cheapest way to write it.
            return event if properties is None else event.replace(properties=properties)
        return event.replace(properties=properties, set=sets, set_once=once)

    def _anonymized(self, content: Any) -> dict[str, Any] | None:
        """The content with its addresses cut; None where there are none to cut."""
        changed: dict[str, Any] | None = None
        for name in self.config.properties:
            value = content.get(name, _ABSENT)
            if value is _ABSENT:
                continue
            network = self._cut(value) if isinstance(value, str) and len(value) <= _ADDRESS_CHARS_MAX else None
            if network is not None and network == value:
                continue
            if changed is None:
                changed = {**content}
            if network is None:
                changed.pop(name, None)
            else:
                changed[name] = network
        return changed

    def _network(self, text: str) -> str | None:
        try:
            address: _Address = ipaddress.ip_address(text.strip().partition("%")[0])
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        bits = self.config.v4_bits if address.version == 4 else self.config.v6_bits
        return str(ipaddress.ip_network((address, bits), strict=False).network_address)
