"""The report's numbers, asked of ClickHouse."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from destinations.clickhouse.connect import new_client
from pipeline.report import Hour, Named, Person, Rejection, Report
from pipeline.settings import Settings

__all__ = ["ask"]

_PAGES = """
    SELECT path(JSONExtractString(properties, '$current_url')) AS page, count() AS events
    FROM events_resolved
    WHERE page != '' AND JSONExtractString(properties, 'method') IN ('', 'GET')
        AND JSONExtractInt(properties, 'status') IN (0, 200)
        AND NOT match(page, '(?i)\\\\.(png|jpe?g|gif|ico|svg|css|js|woff2?|ttf|xml|txt|rss|atom|pdf|gz|zip|rpm|deb)$')
    GROUP BY page ORDER BY events DESC, page LIMIT {limit:UInt32}
"""
_HOURS = """
    SELECT toStartOfHour(timestamp) AS hour, count()
    FROM events_resolved
    WHERE timestamp >= (SELECT max(timestamp) FROM events_resolved) - INTERVAL 31 DAY
    GROUP BY hour
    ORDER BY hour WITH FILL STEP INTERVAL 1 HOUR
"""
_STATUSES = """
    SELECT toString(JSONExtractInt(properties, 'status')) AS status, count() AS events
    FROM events_resolved WHERE JSONHas(properties, 'status')
    GROUP BY status ORDER BY events DESC, status LIMIT {limit:UInt32}
"""
_PEOPLE = """
    SELECT any(distinct_id), count() AS events, min(timestamp), max(timestamp)
    FROM events_resolved GROUP BY project, person_id ORDER BY events DESC, person_id LIMIT {limit:UInt32}
"""
_REJECTIONS = """
    SELECT code, stage, count() AS records, any(message)
    FROM rejected_events FINAL GROUP BY code, stage ORDER BY records DESC, code LIMIT {limit:UInt32}
"""
_FOUND = """
    SELECT JSONExtractString(properties, {name:String}) AS found, count() AS events
    FROM events_resolved WHERE found != '' GROUP BY found ORDER BY events DESC, found LIMIT {limit:UInt32}
"""
FINDINGS = (
    ("Bots", "$bot_name"),
    ("Browsers of all others", "$browser"),
    ("Operating systems of all others", "$os"),
    ("Where they came from", "$referrer_source"),
    ("Campaigns", "utm_source"),
)
"""What transformations find, and the property that they put it in."""
_TOTALS = "SELECT count(), uniqExact(project, person_id) FROM events_resolved"


def ask(settings: Settings, rows: int = 10) -> Report:
    """Ask everything; lists have at most `rows` rows. Raises what clickhouse-connect raises."""
    client = new_client(settings.clickhouse)
    limit = {"limit": rows}
    try:
        events, people = _rows(client, _TOTALS)[0]
        return Report(
            events=events,
            people=people,
            pages=[Named(*row) for row in _rows(client, _PAGES, limit)],
            hours=[Hour(_utc(start), count) for start, count in _rows(client, _HOURS)],
            statuses=[Named(*row) for row in _rows(client, _STATUSES, {"limit": 6})],
            top_people=[
                Person(name, count, _utc(first), _utc(last))
                for name, count, first, last in _rows(client, _PEOPLE, {"limit": 5})
            ],
            findings=[(title, _named(client, name)) for title, name in FINDINGS],
            rejections=[Rejection(*row) for row in _rows(client, _REJECTIONS, limit)],
        )
    finally:
        client.close()


def _named(client: Any, name: str) -> list[Named]:
    return [Named(*row) for row in _rows(client, _FOUND, {"name": name, "limit": 6})]


def _rows(client: Any, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = client.query(query, parameters=parameters).result_rows
    return found


def _utc(when: datetime) -> datetime:
    """ClickHouse's clients give UTC without saying so."""
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
