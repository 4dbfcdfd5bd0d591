-- Events learn who named their visit, and of several copies one with a visit wins. Of earlier rows none has one: they are
-- given the version that they would have now, in the background, for else a copy with a visit would lose against them.
ALTER TABLE {database}.events{local}{on_cluster}
    ADD COLUMN IF NOT EXISTS session_given Bool
        COMMENT 'Whether the sender named the visit; otherwise it is derived from the events'' times' AFTER session_id,
    MODIFY COLUMN session_start DateTime64(6, 'UTC') COMMENT 'When the derived visit began, as known then',
    MODIFY COLUMN _version UInt128 MATERIALIZED bitNot(
        bitShiftLeft(toUInt128(session_id = ''), 127)
        + bitShiftLeft(toUInt128(_epoch), 96) + bitShiftLeft(toUInt128(_offset), 32) + toUInt128(_row)
    ) COMMENT 'Higher for an earlier place: of several copies the first one wins that has a visit';

ALTER TABLE {database}.events{local}{on_cluster} MATERIALIZE COLUMN _version;

-- The distributed table over it, if there is one, has columns of its own; on one server this is the same table.
ALTER TABLE {database}.events{on_cluster}
    ADD COLUMN IF NOT EXISTS session_given Bool
        COMMENT 'Whether the sender named the visit; otherwise it is derived from the events'' times' AFTER session_id,
    MODIFY COLUMN session_start DateTime64(6, 'UTC') COMMENT 'When the derived visit began, as known then',
    MODIFY COLUMN _version UInt128 MATERIALIZED bitNot(
        bitShiftLeft(toUInt128(session_id = ''), 127)
        + bitShiftLeft(toUInt128(_epoch), 96) + bitShiftLeft(toUInt128(_offset), 32) + toUInt128(_row)
    ) COMMENT 'Higher for an earlier place: of several copies the first one wins that has a visit';

-- What became of the starts of derived sessions. Of several facts about one start, dead wins, in any order.
CREATE TABLE IF NOT EXISTS {database}.session_starts{local}{on_cluster}
(
    project Int64 COMMENT 'The tenant' CODEC(ZSTD),
    distinct_id String COMMENT 'Whose visit it is' CODEC(ZSTD),
    start DateTime64(6, 'UTC') COMMENT 'When a visit once began' CODEC(Delta, ZSTD),
    session_id String COMMENT 'The id of a visit that begins then' CODEC(ZSTD),
    dead UInt8 COMMENT '1 if it moved, or was joined to the visit before it',
    _log UUID COMMENT 'The row''s place in session.starts: topic id' CODEC(ZSTD),
    _partition Int32 COMMENT 'The row''s place in session.starts: partition' CODEC(ZSTD),
    _offset Int64 COMMENT 'The row''s place in session.starts: offset' CODEC(Delta, ZSTD),
    _row Int32 COMMENT 'The row''s place in session.starts: row within the message' CODEC(Delta, ZSTD),
    _epoch Int64 COMMENT 'The setting log_epoch when the row was inserted' CODEC(ZSTD),
    INDEX log _log TYPE minmax GRANULARITY 1,
    INDEX partition _partition TYPE minmax GRANULARITY 1,
    INDEX offset _offset TYPE minmax GRANULARITY 1,
    INDEX dead dead TYPE minmax GRANULARITY 1,
    INDEX session session_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree(dead)
ORDER BY (project, distinct_id, start)
SETTINGS {window}
COMMENT 'Facts about the starts of visits, told by what changed them: read sessions_current';

-- distributed: session_starts by cityHash64(project, distinct_id)

CREATE TABLE IF NOT EXISTS {database}.sessions{local}{on_cluster}
(
    project Int64 COMMENT 'The tenant' CODEC(ZSTD),
    day Date COMMENT 'When the visit began, as known then; where its sender named it, the day of the events' CODEC(ZSTD),
    distinct_id String COMMENT 'Whose events they are' CODEC(ZSTD),
    given Bool COMMENT 'Whether the sender named the visit',
    session_id String COMMENT 'The visit, as known then' CODEC(ZSTD),
    session_start DateTime64(6, 'UTC') COMMENT 'When the derived visit began, as known then' CODEC(Delta, ZSTD),
    first SimpleAggregateFunction(min, DateTime64(6, 'UTC')) COMMENT 'The earliest event',
    last SimpleAggregateFunction(max, DateTime64(6, 'UTC')) COMMENT 'The latest event',
    events AggregateFunction(uniqExact, String, UUID) COMMENT 'All events, by distinct id and uuid',
    pageviews AggregateFunction(uniqExact, String, UUID) COMMENT 'The events named $pageview, likewise',
    entry AggregateFunction(argMin, Tuple(String, String, String), Tuple(Int64, String))
        COMMENT 'Of the earliest event with a $current_url: that, its $referrer, its campaign',
    exit AggregateFunction(argMax, String, Tuple(Int64, String)) COMMENT 'The latest $current_url',
    person AggregateFunction(argMax, Tuple(UUID, String), Tuple(Int64, String))
        COMMENT 'Of the latest event: its person, as known then, and its distinct id',
    INDEX session session_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (project, day, distinct_id, session_id, session_start, given)
SETTINGS {window}
COMMENT 'Visits in pieces, added up from events; an event that comes twice changes nothing: read sessions_current';

-- distributed: sessions by cityHash64(project, distinct_id)

-- Times count in microseconds and uuids as text: ClickHouse orders uuids by their second half. A uuid is an event's own
-- only within its distinct id: in a visit that its sender named, two people may send the same.
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.sessions_from_events{on_cluster} TO {database}.sessions{local} AS
SELECT
    project,
    toDate(if(session_given, timestamp, session_start)) AS day,
    distinct_id,
    session_given AS given,
    session_id,
    session_start,
    min(timestamp) AS first,
    max(timestamp) AS last,
    uniqExactState(distinct_id, uuid) AS events,
    uniqExactStateIf(distinct_id, uuid, event = '$pageview') AS pageviews,
    argMinStateIf((url, said.2, campaign), place, url != '') AS entry,
    argMaxStateIf(url, place, url != '') AS exit,
    argMaxState((person_id, distinct_id), place) AS person
FROM
(
    SELECT
        *,
        (toUnixTimestamp64Micro(timestamp), concat(toString(uuid), distinct_id)) AS place,
        JSONExtract(
            properties, 'Tuple(`$current_url` String, `$referrer` String, utm_campaign Nullable(String))'
        ) AS said,
        said.1 AS url,
        coalesce(said.3, decodeURLFormComponent(extractURLParameter(url, 'utm_campaign'))) AS campaign
    FROM {database}.events{local}
    WHERE session_id != ''
)
GROUP BY project, day, distinct_id, given, session_id, session_start
COMMENT 'Adds events up into visits';

-- Dead facts need no FINAL, for dead wins; only the starts of distinct ids that have one are looked at.
CREATE OR REPLACE VIEW {database}.session_moves{on_cluster}
(
    project Int64 COMMENT 'The tenant',
    distinct_id String COMMENT 'Whose visit it is',
    start DateTime64(6, 'UTC') COMMENT 'When a visit was once said to begin',
    session_start DateTime64(6, 'UTC') COMMENT 'When the visit begins that it has become part of',
    session_id String COMMENT 'The id of that visit'
)
AS
SELECT
    gone.project AS project,
    gone.distinct_id AS distinct_id,
    gone.start AS start,
    live.start AS session_start,
    live.session_id AS session_id
FROM (SELECT DISTINCT project, distinct_id, start FROM {database}.session_starts WHERE dead = 1) AS gone
ASOF JOIN
(
    SELECT project, distinct_id, start, session_id
    FROM {database}.session_starts FINAL
    WHERE dead = 0
        AND (project, distinct_id) GLOBAL IN (SELECT project, distinct_id FROM {database}.session_starts WHERE dead = 1)
) AS live
ON gone.project = live.project AND gone.distinct_id = live.distinct_id AND gone.start >= live.start
COMMENT 'Where a dead start leads: to the greatest live start before it';
