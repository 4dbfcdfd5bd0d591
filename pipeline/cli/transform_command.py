"""`headrace transform`: everything an author of transformations needs."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.output import EXIT_BAD, EXIT_USAGE, command, fail, say, show_json

if TYPE_CHECKING:
    from pipeline.plugins import Offered
    from pipeline.settings import Settings
    from pipeline.transform_diff import Comparison, Side

__all__ = ["entry"]

_FILE = click.Path(path_type=Path)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
FAILS = ("dropped", "rejected", "added", "changed", "violations")


@click.group(
    epilog="\b\nExample:\n  headrace transform list --json\n"
    "  headrace transform test anonymize_ip --input events.ndjson\n"
    "  headrace transform diff --with new.yaml --since 24h --fail-on dropped,violations"
)
def entry() -> None:
    """List, try out, compare and write transformations."""


@command("headrace transform list --json", name="list")
def list_command(as_json: bool, config: Path | None) -> None:
    """List all transformations there are: built in, of installed packages, and of the configuration's files."""
    from pipeline.configuration import load
    from pipeline.plugins import Offers

    offers = Offers(load(config).plugins)
    found = [_row(offers.find(name)) for name in offers.names()]
    if as_json:
        show_json({"transforms": found})
        return
    width = max(len(row["name"]) for row in found)
    for row in found:
        mark = click.style(" (privacy)", dim=True) if row["privacy"] else ""
        origin = "" if row["origin"] == "built in" else click.style(f" [{row['origin']}]", dim=True)
        say(f"{row['name']:<{width}}  {row['summary']}{mark}{origin}")


@command("headrace transform show anonymize_ip", name="show")
@click.argument("name")
def show_command(name: str, as_json: bool, config: Path | None) -> None:
    """Show what a transformation does, its settings and examples."""
    from pipeline.configuration import load

    offered = _offered(load(config), name)
    if as_json:
        show_json({**_row(offered), "text": _text(offered), "settings": _settings(offered)})
        return
    say(f"{offered.kind.name} {offered.version} ({offered.origin})\n\n{_text(offered)}\n")
    for field in _settings(offered):
        default = "required" if field["required"] else f"default {field['default']}"
        say(f"  {field['name']} ({default})\n      {field['meaning']}")


@command("headrace transform new tidy_titles --dir plugins", name="new")
@click.argument("name")
@click.option("--dir", "folder", type=_FILE, default=Path(), help="Where the two files go (default: here).")
def new_command(name: str, folder: Path, as_json: bool, config: Path | None) -> None:
    """Write a transformation that works, and its test, to go on from."""
    from pipeline.transform_new import write_new

    module, test = write_new(name, folder)
    if as_json:
        show_json({"module": str(module), "test": str(test)})
        return
    say(f"wrote {module} and {test}\n\nrun its test:    python -m pytest {test}")
    say(f"try it:          headrace transform test {module} --input events.ndjson")
    say(f"use it:          plugins: [{module}]\n                 transforms: [{{use: {name}}}]")


@command("headrace transform test anonymize_ip --input events.ndjson --settings '{\"v4_bits\": 8}'", name="test")
@click.argument("which", required=False, metavar="[NAME|FILE]")
@click.option("--input", "file", type=_FILE, required=True, help="One event a line, in any form that producers send.")
@click.option("--settings", "given", default="{}", help="Its configuration, as a JSON object.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="Events shown at most.")
def test_command(which: str | None, file: Path, given: str, limit: int, as_json: bool, config: Path | None) -> None:
    """Show events before and after a transformation, or after all of the configuration where none is named.

    WHICH is a transformation's name or a Python file that defines one. Exit code 1 when it failed on an event.
    """
    from pipeline.configuration import load
    from pipeline.transform_input import of_file
    from pipeline.transform_trial import as_shown, only, side_of, trials

    settings = load(config)
    chosen = only(settings, which, _json_object(given)) if which else settings
    side = side_of(chosen, Path(settings.store.path) / "lookups")
    shown: list[dict[str, Any]] = []
    failed = 0
    for batch in of_file(file):
        for before, after in trials(side, batch):
            told = {"before": as_shown(before), "after": as_shown(after)}
            ended = "rejected" in told["after"] and "rejected" not in told["before"]
            failed += "$transforms_failed" in told["after"] or ended
            if len(shown) < limit:
                shown.append(told)
    if as_json:
        show_json({"events": shown, "failed": failed})
    else:
        _say_trials(shown, failed)
    if failed:
        raise SystemExit(EXIT_BAD)


@command("headrace transform diff --with new.yaml --since 24h --fail-on dropped,violations", name="diff")
@click.option("--with", "other", type=_FILE, required=True, help="The configuration to compare with the current one.")
@click.option("--since", help="Recorded events of so long: 90m, 24h, 7d. They are read from events.raw.")
@click.option("--input", "file", type=_FILE, help="Or the events of a file, one a line.")
@click.option("--fail-on", default="", help=f"Exit code 1 where there are any of these: {', '.join(FAILS)}.")
def diff_command(
    other: Path, since: str | None, file: Path | None, fail_on: str, as_json: bool, config: Path | None
) -> None:
    """Compare what two configurations make of the same recorded events. Nothing is written anywhere."""
    from pipeline.configuration import connected, load
    from pipeline.transform_diff import Comparison
    from pipeline.transform_input import of_file, of_topic
    from pipeline.transform_trial import side_of

    if (since is None) == (file is None):
        raise click.UsageError("Give --since TIME or --input FILE.")
    since_s = 0.0 if since is None else _seconds(since)
    gates = [gate for gate in fail_on.split(",") if gate]
    for gate in gates:
        if gate not in FAILS:
            fail(f"--fail-on knows {', '.join(FAILS)}, not {gate!r}", EXIT_USAGE)
    current = load(config) if file else connected(config)
    folder = Path(current.store.path) / "lookups"
    comparison = Comparison(side_of(current, folder), side_of(load(other), folder))
    for batch in of_file(file) if file else of_topic(current, since_s):
        comparison.take(batch)
    report = comparison.report()
    met = [gate for gate in gates if report[gate]]
    if as_json:
        show_json({**report, "failed_on": met})
    else:
        _say_comparison(comparison, report)
    if met:
        fail(f"there are events {', '.join(met)} (--fail-on): look at them above", EXIT_BAD)


@command("headrace transform bench anonymize_ip --input events.ndjson", name="bench")
@click.argument("which", required=False, metavar="[NAME|FILE]")
@click.option("--input", "file", type=_FILE, required=True, help="One event a line, in any form that producers send.")
@click.option("--settings", "given", default="{}", help="Its configuration, as a JSON object.")
@click.option("--rounds", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Times all are taken.")
def bench_command(which: str | None, file: Path, given: str, rounds: int, as_json: bool, config: Path | None) -> None:
    """Measure what a transformation costs, in microseconds an event that it was called for."""
    from pipeline.configuration import load
    from pipeline.steps import Tally
    from pipeline.transform_input import of_file
    from pipeline.transform_trial import only, side_of
    from pipeline.transforming import transformed

    settings = load(config)
    chosen = only(settings, which, _json_object(given)) if which else settings
    side = side_of(chosen, Path(settings.store.path) / "lookups")
    totals: dict[str, Tally] = {}
    verdicts = [side.decoded(batch) for batch in of_file(file)]
    for _ in range(rounds):
        for found in verdicts:
            for name, tally in transformed(found, side.transforms).tallies.items():
                totals[name] = totals.get(name, Tally())
                totals[name] += tally
    costs = {name: round(tally.nanoseconds / 1_000 / max(1, tally.seen), 2) for name, tally in totals.items()}
    if as_json:
        show_json({"us_per_event": costs, "events": {name: tally.seen for name, tally in totals.items()}})
        return
    for name, cost in costs.items():
        say(f"{name}: {cost} µs an event, over {totals[name].seen:,} events{_hits(side, name)}")


def _hits(side: "Side", name: str) -> str:
    """How often a transformation that keeps a cache found there what it looked for."""
    calls = [step.call for steps in side.transforms.steps.values() for step in steps if step.name == name]
    if not calls or not hasattr(calls[0], "cache_info"):
        return ""
    info = calls[0].cache_info()
    return f"; {info.hits / max(1, info.hits + info.misses):.0%} of them from its cache"


def _offered(settings: "Settings", name: str) -> "Offered":
    from pipeline.plugins import Offers

    offers = Offers(settings.plugins)
    found = offers.find(name)
    if found is None:
        fail(f"there is no transformation {name!r}: there are {', '.join(offers.names())}", EXIT_USAGE)
    return found


def _row(offered: "Offered | None") -> dict[str, Any]:
    assert offered is not None, "listed, and not there"
    return {
        "name": offered.kind.name,
        "version": offered.version,
        "origin": offered.origin,
        "privacy": offered.kind.privacy,
        "summary": _text(offered).partition("\n\n")[0].replace("\n", " "),
    }


def _text(offered: "Offered") -> str:
    import inspect

    return inspect.getdoc(offered.kind) or ""


def _settings(offered: "Offered") -> list[dict[str, Any]]:
    import msgspec

    from transforms.interface import is_secret

    found = []
    for field in msgspec.structs.fields(offered.kind.Config):
        metas = [meta for meta in getattr(field.type, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
        default = None if field.required else field.default
        found.append(
            {
                "name": field.encode_name,
                "required": field.required,
                "default": msgspec.to_builtins(default) if default is not msgspec.NODEFAULT else None,
                "secret": is_secret(field),
                "meaning": next((meta.description for meta in metas if meta.description), ""),
            }
        )
    return found


def _json_object(text: str) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as problem:
        fail(f"--settings must be a JSON object: {problem}", EXIT_USAGE)


def _seconds(text: str) -> float:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not _NUMBER.fullmatch(number):
        fail(f"--since takes 90m, 24h or 7d, not {text!r}", EXIT_USAGE)
    return float(number) * _UNITS[unit]


def _say_trials(shown: list[dict[str, Any]], failed: int) -> None:
    import msgspec

    for told in shown:
        for name, color in (("before", None), ("after", "green")):
            text = msgspec.json.format(msgspec.json.encode(told[name]), indent=2).decode()
            say(click.style(f"{name}:", bold=True))
            say(click.style(text, fg=color))
        say("")
    if failed:
        say(f"{failed} events were rejected, or a transformation failed on them")


def _say_comparison(comparison: "Comparison", report: dict[str, Any]) -> None:
    say(f"{report['records']:,} records: {report['same']:,} the same, {report['changed']:,} changed")
    for fate in report["fates"]:
        say(f"  {fate['events']:,} now {fate['now']}, then {fate['then']}")
    for message, count in report["violations_by_message"].items():
        say(f"  {count:,} violations: {message}")
    for name, change in report["fields"].items():
        counts = [f"{change[kind]:,} {kind}" for kind in ("added", "removed", "changed") if change[kind]]
        say(f"  {name}: {', '.join(counts)}")
        for example in change["examples"]:
            say(click.style(f"      {example['event']}: {example['now']} → {example['then']}", dim=True))
    now, then = report["us_per_record"]
    say(f"transformations cost {now} µs a record now, {then} µs then")


for _command in (list_command, show_command, new_command, test_command, diff_command, bench_command):
    entry.add_command(_command)
