"""How commands speak: readable by default, JSON on request, errors on one line with what to do next."""

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

_Function = TypeVar("_Function", bound=Callable[..., Any])


def command(example: str, **options: Any) -> Callable[[_Function], click.Command]:
    """A click command with --config and --json, an example in its help, and errors as exit codes."""

    def wrap(function: _Function) -> click.Command:
        @wraps(function)
        def guarded(*arguments: Any, **named: Any) -> Any:
            try:
                return function(*arguments, **named)
            except ConfigError as problem:
                fail(str(problem), EXIT_USAGE)
            except Retry as problem:
                fail(problem.reason, EXIT_UNREACHABLE)
            except _unreachable() as problem:
                fail(
                    f"a service does not answer: {problem}; is it running? (headrace status)",
                    EXIT_UNREACHABLE,
                )

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


def _unreachable() -> tuple[type[Exception], ...]:
    """The errors of clients that got no answer, without importing clients that were not used."""
    found: list[type[Exception]] = [ConnectionError]
    if "clickhouse_connect" in sys.modules:
        from clickhouse_connect.driver.exceptions import OperationalError

        found.append(OperationalError)
    if "confluent_kafka" in sys.modules:
        from confluent_kafka import KafkaException

        found.append(KafkaException)
    return tuple(found)
