"""What a configuration must keep beyond types: names a broker takes, tokens that are one project's, credentials."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from pipeline.settings import Settings

__all__ = ["broken_rules", "advice"]

Finding = tuple[tuple[str, ...], str]
"""The path of a key and what is wrong there."""

_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]*")
_NAME_CHARS_MAX = 100
"""Kafka takes 249 for a topic; the hop's and the destination's name are added."""


def broken_rules(settings: Settings) -> Iterator[Finding]:
    """Everything that cannot work."""
    yield from _names(settings)
    yield from _projects(settings)
    yield from _addresses(settings)
    yield from _credentials(settings)
    if settings.plugins or settings.transforms or any(project.transforms for project in settings.projects):
        from pipeline.transform_list import transform_problems  # here: every command reads a configuration

        yield from transform_problems(settings)


def advice(settings: Settings) -> list[str]:
    """What works and is probably not meant."""
    said = []
    if not any(project.tokens for project in settings.projects):
        said.append("no project has a token: every event will be rejected as unknown_token")
    if settings.topics.replication < 2 and "," in settings.broker.bootstrap:
        said.append("topics.replication is 1: the loss of one broker loses events; 3 is usual")
    if settings.broker.embedded:
        said.append("the embedded broker forgets everything when it stops: not for production")
    if settings.broker.security_protocol in ("PLAINTEXT", "SSL") and settings.broker.sasl_username:
        said.append("broker.sasl_username has no effect: broker.security_protocol names no SASL")
    return said


def _names(settings: Settings) -> Iterator[Finding]:
    for path, name in ((("app",), settings.app), (("topics", "prefix"), settings.topics.prefix)):
        if not _TOPIC_NAME.fullmatch(name) or len(name) > _NAME_CHARS_MAX:
            yield path, f"{'.'.join(path)} is part of topic names: at most {_NAME_CHARS_MAX} of a-z A-Z 0-9 . _ -"
    if not settings.app:
        yield ("app",), "app must not be empty: it names the consumer groups"
    seen: set[str] = set()
    for index, destination in enumerate(settings.destinations):
        path = ("destinations", str(index))
        if not destination.name or not _TOPIC_NAME.fullmatch(destination.name):
            yield path, "a destination's name is part of a topic's name: a-z A-Z 0-9 . _ -"
        if destination.name in seen:
            yield path, f"there are two destinations called {destination.name!r}"
        seen.add(destination.name)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", settings.clickhouse.database):
        yield ("clickhouse", "database"), "clickhouse.database must be a plain name: letters, digits and _"


def _projects(settings: Settings) -> Iterator[Finding]:
    owners: dict[str, int] = {}
    ids: set[int] = set()
    bytes_max = settings.limits.token_bytes
    for index, project in enumerate(settings.projects):
        path = ("projects", str(index))
        if project.id < 1:
            yield path, "a project's id must be at least 1; 0 stands for no project"
        if project.id in ids:
            yield path, f"there are two projects with the id {project.id}; one may have several tokens"
        ids.add(project.id)
        for token in project.tokens:
            if not token.isascii() or not 0 < len(token) <= bytes_max:
                yield path, f"a token must be 1 to {bytes_max} ASCII characters"
            if owners.setdefault(token, project.id) != project.id:
                yield path, f"projects {owners[token]} and {project.id} share a token; give each its own"


def _addresses(settings: Settings) -> Iterator[Finding]:
    servers = settings.broker.bootstrap
    if servers or not settings.broker.embedded:
        for server in servers.split(","):
            host, _, port = server.rpartition(":")
            if not host or not port.isdigit() or " " in server:
                yield ("broker", "bootstrap"), f"{server!r} must be host:port, several separated by commas, no spaces"
    url = settings.clickhouse.url
    if (url or not settings.broker.embedded) and not _is_http(url):
        yield ("clickhouse", "url"), "clickhouse.url must look like http://host:8123"


def _is_http(url: str) -> bool:
    address = urlsplit(url)
    return address.scheme in ("http", "https") and bool(address.hostname)


def _credentials(settings: Settings) -> Iterator[Finding]:
    broker = settings.broker
    if broker.security_protocol.startswith("SASL"):
        needed = {
            "sasl_mechanism": broker.sasl_mechanism,
            "sasl_username": broker.sasl_username,
            "sasl_password": broker.sasl_password,
        }
        for name, value in needed.items():
            if not value:
                yield ("broker", name), f"broker.{name} must be given with {broker.security_protocol}"
