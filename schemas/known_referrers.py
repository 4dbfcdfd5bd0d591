"""Where visitors come from: which medium and which source a host, or a page of it, stands for.

A line of the tables is `name = hosts | parameters that hold the search term`. A host stands for its subdomains too;
`google.*` for google.com and for google under any country's domain; a host may go on with the path that a page must
begin with. Where several fit, a path goes before none, and a longer host before a shorter one.
"""

import re
from typing import NamedTuple

from schemas.known_networks import ADVERTISING_NETWORKS, ASSISTANTS, MAIL_SERVICES, SOCIAL_NETWORKS
from schemas.known_search_engines import SEARCH_ENGINES

__all__ = ["KnownSource", "ReferrerIndex", "built_in_places"]

_TABLES = {
    "search": SEARCH_ENGINES,
    "social": SOCIAL_NETWORKS,
    "email": MAIL_SERVICES,
    "paid": ADVERTISING_NETWORKS,
    "ai": ASSISTANTS,
}
_COUNTRY = re.compile(r"\.(?:com|(?:(?:com|co)\.)?[a-z]{2})$")
"""What `*` stands for."""
_LABELS_MAX = 10
"""How many of a host's last labels are looked at: no host of the tables has more than six."""


class KnownSource(NamedTuple):
    """Who it is."""

    medium: str
    name: str
    parameters: tuple[str, ...]
    """Query parameters that may hold the search term, in their order of preference."""


def built_in_places() -> dict[str, KnownSource]:
    """The sources of the tables, by host or host and path."""
    places = {}
    for medium, table in _TABLES.items():
        for line in table.strip().splitlines():
            name, _, rest = line.partition(" = ")
            hosts, _, parameters = rest.partition(" | ")
            source = KnownSource(medium, name, tuple(parameters.split()))
            places.update(dict.fromkeys(hosts.split(), source))
    return places


class ReferrerIndex:
    """Finds the source that fits a page best."""

    def __init__(self, places: dict[str, KnownSource]) -> None:
        self._hosts = {place: source for place, source in places.items() if "/" not in place}
        self._paths: dict[str, list[tuple[str, KnownSource]]] = {}
        for place, source in places.items():
            host, slash, path = place.partition("/")
            if slash:
                self._paths.setdefault(host, []).append((slash + path.rstrip("/"), source))
        for of_host in self._paths.values():
            of_host.sort(key=lambda entry: -len(entry[0]))

    def find(self, host: str, path: str) -> KnownSource | None:
        """The source of a page, by its host in lower case and its path."""
        names = _names(host)
        for name in names:
            for start, source in self._paths.get(name, ()):
                if path.startswith(start) and path[len(start) : len(start) + 1] in ("", "/"):
                    return source
        return next((self._hosts[name] for name in names if name in self._hosts), None)


def _names(host: str) -> list[str]:
    """What may stand in a table for this host, the most particular first."""
    names = []
    host = ".".join(host.rsplit(".", _LABELS_MAX)[-_LABELS_MAX:])
    country = _COUNTRY.search(host)
    while host:
        names.append(host)
        if country and len(host) > len(country[0]):
            names.append(host.removesuffix(country[0]) + ".*")
        host = host.partition(".")[2]
    return names
