"""`headrace bench`: what the path costs on this machine."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import click

from pipeline.cli.output import EXIT_BAD, command, fail, say, show_json

if TYPE_CHECKING:
    from pipeline.bench.result import Report
    from pipeline.bench.stand import BrokerKind

__all__ = ["entry"]


@command("headrace bench --events 100000 --broker kafka --only hops")
@click.option("--events", default=1_000_000, show_default=True, help="Events of about 1.2 KB on Kafka.")
@click.option(
    "--broker",
    type=click.Choice(["kafka", "embedded", "both"]),
    default="both",
    show_default=True,
    help="Which broker the path runs on.",
)
@click.option(
    "--only", multiple=True, help="A part alone: hops, path, freshness, stall, recovery, hostile, transforms, idle."
)
@click.option("--seconds", default=30.0, show_default=True, help="How long freshness, stall and idle are watched.")
@click.option("--keys", default=1_000_000, show_default=True, help="State keys that recovery reads back.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("bench/results"),
    show_default=True,
    help="Folder of results.",
)
@click.option("--work", type=click.Path(path_type=Path), help="Folder for the run's data (default: a temporary one).")
def entry(
    events: int,
    broker: Literal["kafka", "embedded", "both"],
    only: tuple[str, ...],
    seconds: float,
    keys: int,
    out: Path,
    work: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Measure CPU, throughput, freshness, recovery and memory with brokers and a ClickHouse of its own.

    Nothing that runs here is touched, and no configuration is read. Kafka needs Java 17, and Maven the first time.
    Writes OUT/<time>.json; a run of every part also renews OUT/latest.json and the figures in the README.md beside
    OUT. Exit code 1 when counts are wrong.
    """
    from pipeline.bench.run import PARTS, Plan, run_benchmark
    from pipeline.bench.table import render

    unknown = set(only) - set(PARTS)
    if unknown:
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}", param_hint="--only")
    plan = Plan(events=events, keys=keys, freshness_s=seconds, stall_s=seconds, idle_s=seconds, parts=only or PARTS)
    brokers: list[BrokerKind] = ["kafka", "embedded"] if broker == "both" else [broker]
    now = datetime.now(UTC)
    with _folder(work) as folder:
        date = now.strftime("%Y-%m-%d %H:%M UTC")
        for report, wrong in run_benchmark(plan, brokers, folder, date, lambda line: click.echo(line, err=True)):
            whole = len(report.brokers) == 2 and not only and not wrong
            _write(report, out, now.strftime("%Y%m%dT%H%M%SZ"), complete=whole)
    show_json(report.document()) if as_json else say(render(report))
    if wrong:
        fail("; ".join(wrong), EXIT_BAD)


def _folder(work: Path | None) -> AbstractContextManager[Path]:
    """The folder of the run's data, which is removed at the end unless it was named."""
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        return nullcontext(work.resolve())
    return _temporary()


@contextmanager
def _temporary() -> Iterator[Path]:
    with TemporaryDirectory(prefix="headrace-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _write(report: "Report", out: Path, name: str, complete: bool) -> None:
    """The result under its time and, where it is a whole one, as the newest and on the page."""
    import msgspec

    from pipeline.bench.table import put_into, render

    out.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(report.document())) + b"\n"
    (out / f"{name}.json").write_bytes(text)
    if complete:
        (out / "latest.json").write_bytes(text)
        page = out.parent / "README.md"
        if page.exists():
            page.write_text(put_into(page.read_text(), render(report)))
