"""Every command keeps the common promises: help at once, wrong usage is 2, exit codes that are written down."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipeline.cli import output
from pipeline.cli.main import COMMANDS, main
from pipeline.cli.output import command, fail
from schemas.outcomes import ConfigError, Retry

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
HEAVY = ["pyarrow", "faust", "chdb", "numpy", "rich", "confluent_kafka", "clickhouse_connect"]


def test_help_of_no_command_imports_a_heavy_library() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom pipeline.cli.main import COMMANDS, main\n"
        f"for name in COMMANDS:\n    CliRunner().invoke(main, [name, '--help'])\n"
        f"    print(name, [heavy for heavy in {HEAVY} if heavy in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert [line for line in found.stdout.splitlines() if not line.endswith(" []")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_wrong_usage(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--nonsense"])

    assert result.exit_code == output.EXIT_USAGE
    assert "No such option" in result.output


def test_the_page_documents_every_exit_code() -> None:
    codes = {value for name, value in vars(output).items() if name.startswith("EXIT_")}
    told = {int(code) for code in re.findall(r"(?:^Exit codes: | · )(\d) ", PAGE.read_text(), re.MULTILINE)}

    assert told == codes | {0}


def ending(problem: BaseException) -> tuple[int, str]:
    """How a command ends in which this is raised."""

    @command("headrace try")
    def entry(as_json: bool, config: Path | None) -> None:
        raise problem

    result = CliRunner().invoke(entry, [])
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (ConfigError("no such key", "h.yaml:3"), 2, "Error: h.yaml:3: no such key\n"),
        (Retry("the broker is away"), 3, "Error: the broker is away\n"),
        (ConnectionRefusedError(111, "Connection refused"), 3, "Error: a service does not answer: Connection refused"),
    ],
)
def test_errors_named_by_what_to_do_have_their_exit_codes(problem: Exception, code: int, said: str) -> None:
    found = ending(problem)

    assert found[0] == code
    assert found[1].startswith(said)


def test_a_bug_is_not_dressed_up_as_an_answer() -> None:
    @command("headrace try")
    def entry(as_json: bool, config: Path | None) -> None:
        raise ZeroDivisionError

    assert isinstance(CliRunner().invoke(entry, []).exception, ZeroDivisionError)


def test_kafka_refusals_and_silence_have_different_exit_codes() -> None:
    from confluent_kafka import KafkaError, KafkaException

    refusal = ending(KafkaException(KafkaError(KafkaError.INVALID_REPLICATION_FACTOR, "too few brokers")))
    silence = ending(KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN, "no broker")))

    assert (refusal, silence[0]) == ((1, "Error: the broker refuses: too few brokers\n"), 3)


def test_an_error_goes_to_standard_error_only() -> None:
    @click.command
    def entry() -> None:
        fail("it is wrong", output.EXIT_BAD)

    result = CliRunner().invoke(entry, [])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: it is wrong\n")
