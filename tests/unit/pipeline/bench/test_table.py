"""The benchmark's page says what was measured, and nothing else of the page changes."""

import pytest

from pipeline.bench.freshness import percentile
from pipeline.bench.result import BrokerResult, HopRun, Hostile, Report
from pipeline.bench.table import BEGIN, END, put_into, render

RUN = HopRun(events=1_000_000, cpu_s=6.4, wall_s=10.0, peak_mb=300.0)
HOPS = {"accept": RUN, "resolve": RUN, "deliver-clickhouse": RUN}
RESULT = BrokerResult(events=1_000_000, event_bytes=1_200, hops=HOPS, floor=RUN)


def test_the_total_is_all_hops_over_the_raw_events() -> None:
    assert RESULT.cpu_s_per_million() == {
        "accept": 6.4,
        "resolve": 6.4,
        "deliver_clickhouse": 6.4,
        "total": 19.2,
        "floor": 6.4,
    }
    assert RESULT.ratio_to_floor() == 3.0


def test_the_page_keeps_its_words_and_gets_new_figures() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    renewed = put_into(page, "new")

    assert renewed == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert put_into(renewed, "new") == renewed


def test_a_page_without_a_place_says_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="put them where the figures belong"):
        put_into("nothing", "new")


def test_the_table_names_every_worker_and_the_floor() -> None:
    report = Report(
        date="2026-11-20", commit="abc", machine="m", load_before=0.0, versions={}, brokers={"kafka": RESULT}
    )

    text = render(report)

    assert "| **total** | **19.2** |" in text
    assert "| total over floor | 3.0 × |" in text
    assert all(f"| {hop} | 6.4 | 100,000 | 300 MB |" in text for hop in HOPS)


def test_a_run_beside_other_work_says_so() -> None:
    report = Report(date="d", commit="c", machine="m", load_before=9.5, versions={}, brokers={})

    assert "load average was 9.5" in render(report)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 101)]

    assert [percentile(values, part) for part in (50, 95, 99, 100)] == [50.0, 95.0, 99.0, 100.0]
    assert percentile([7.0], 50) == 7.0


def test_a_hostile_record_that_is_not_in_the_table_is_noticed() -> None:
    expected = {"moved": 8, "duplicate": 1, "not_json": 1}
    counted = {"moved": 9, "not_json": 1}

    assert _hostile(expected, counted, {"not_json": 1}).complete
    assert not _hostile(expected, counted, {}).complete


def _hostile(expected: dict[str, int], counted: dict[str, int], in_table: dict[str, int]) -> Hostile:
    return Hostile(every=10, clean=RUN, hostile=RUN, expected=expected, counted=counted, in_table=in_table)
