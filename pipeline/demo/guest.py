"""Whether the demonstration would be a guest: what is running holds events that are not its own."""

from destinations.clickhouse.connect import new_client
from pipeline.demo.people import project_of
from pipeline.demo.visitors import OWN_IDS
from pipeline.settings import Settings

__all__ = ["others_events"]

COUNTED_MAX = 1_000
"""It is enough to know that there are many."""


def others_events(settings: Settings, token: str, site: str) -> int:
    """Events, of any project, that no demonstration with this site has sent; counted up to COUNTED_MAX.

    Its own are the lines of the access log, whose addresses are those of the site, and what its invented visitors do.
    """
    client = new_client(settings.clickhouse)
    try:
        logged = "event = 'request' AND startsWith(JSONExtractString(properties, '$current_url'), {site:String})"
        played = "event IN ('$pageview', '$identify') AND match(distinct_id, {ids:String})"
        query = (
            "SELECT count() FROM (SELECT 1 FROM events "
            f"WHERE NOT (project = {{project:Int64}} AND ({logged} OR {played})) LIMIT {COUNTED_MAX})"
        )
        asked = {"project": project_of(settings, token), "site": site.rstrip("/"), "ids": OWN_IDS}
        [[count]] = client.query(query, asked).result_rows
        return int(count)
    finally:
        client.close()
