"""How commands speak: readable by default, JSON on request, errors on one line with what to do next."""

import logging
import os
import re
import select
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from schemas.outcomes import ConfigError, Retry

__all__ = [
    "EXIT_BAD",
    "EXIT_TIMEOUT",
    "EXIT_UNREACHABLE",
    "EXIT_USAGE",
    "command",
    "fail",
    "reader_gone",
    "say",
    "show_json",
]

EXIT_BAD = 1
"""The answer is bad: the audit is not 0, the configuration has errors."""
EXIT_USAGE = 2
"""Wrong usage or configuration."""
EXIT_UNREACHABLE = 3
"""A service does not answer."""
EXIT_TIMEOUT = 4
"""The time was over."""

_NO_ANSWER = {
    "_TRANSPORT",
    "_ALL_BROKERS_DOWN",
    "_TIMED_OUT",
    "_RESOLVE",
    "_AUTHENTICATION",
    "_SSL",
    "REQUEST_TIMED_OUT",
}
_Function = TypeVar("_Function", bound=Callable[..., Any])


def command(example: str, **options: Any) -> Callable[[_Function], click.Command]:
    """A click command with --config and --json, an example in its help, and errors as exit codes."""

    def wrap(function: _Function) -> click.Command:
        @wraps(function)
        def guarded(*arguments: Any, **named: Any) -> Any:
            _quiet_clients()
            try:
                return function(*arguments, **named)
            except ConfigError as problem:
                fail(str(problem), EXIT_USAGE)
            except Retry as problem:
                fail(problem.reason, EXIT_UNREACHABLE)
            except BrokenPipeError:
                _leave_quietly()
            except _client_errors() as problem:
                fail(*_told(problem))

        made: click.Command = click.command(epilog=f"\b\nExample:\n  {example}", **options)(guarded)  # type: ignore[no-untyped-call]
        json_help = "Print JSON for machines."
        made.params.append(click.Option(["--json", "as_json"], is_flag=True, help=json_help))
        made.params.append(
            click.Option(
                ["--config", "config"],
                type=click.Path(path_type=Path),
                help="The configuration file (default: headrace.yaml, else what is running here).",
            )
        )
        return made

    return wrap


def say(text: str) -> None:
    """A line for people, on standard output."""
    click.echo(text)


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def fail(message: str, code: int) -> NoReturn:
    """The error on standard error, and the exit code that means it."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


def _quiet_clients() -> None:
    """ClickHouse's client logs what it also raises; a command says it once."""
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())


def reader_gone() -> bool:
    """Whether the program that our output is piped into has ended: a command that waits for news must look."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), select.POLLERR)
    except (OSError, ValueError):  # not a file of the system's, as in a test
        return False
    return bool(poll.poll(0))


def _leave_quietly() -> NoReturn:
    """Whoever read our output has seen enough, as in `headrace tap … | head`: that is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _client_errors() -> tuple[type[Exception], ...]:
    """What the clients raise, without importing clients that were not used."""
    found: list[type[Exception]] = [ConnectionError]
    if "clickhouse_connect" in sys.modules:
        from clickhouse_connect.driver.exceptions import ClickHouseError

        found.append(ClickHouseError)
    if "confluent_kafka" in sys.modules:
        from confluent_kafka import KafkaException

        found.append(KafkaException)
    return tuple(found)


def _told(problem: Exception) -> tuple[str, int]:
    """What a client's error means for whoever called, and the exit code: no answer, or an answer that is no."""
    name = type(problem).__name__
    if name == "KafkaException":
        error = problem.args[0]
        if error.name() in _NO_ANSWER:
            return f"the broker does not answer: {error.str()}; is it running? (headrace status)", EXIT_UNREACHABLE
        return f"the broker refuses: {error.str()}", EXIT_BAD
    if name in ("OperationalError", "StreamFailureError") or isinstance(problem, ConnectionError):
        found = re.search(r"\[Errno -?\d+\] ([^\")]+)", str(problem))
        who = "a service" if isinstance(problem, ConnectionError) else "ClickHouse"
        reason = found[1] if found else str(problem)
        return f"{who} does not answer: {reason}; is it running? (headrace status)", EXIT_UNREACHABLE
    said = str(problem).rpartition("server response: ")[2].partition(" (for url")[0]
    return f"ClickHouse refuses: {said}", EXIT_BAD
