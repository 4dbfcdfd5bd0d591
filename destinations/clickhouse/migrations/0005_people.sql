-- People as they are now. A person without events is a deleted row of a higher version: it may come back.
CREATE TABLE IF NOT EXISTS {database}.persons{local}{on_cluster}
(
    project Int64 COMMENT 'The tenant' CODEC(ZSTD),
    person_id UUID COMMENT 'The actor' CODEC(ZSTD),
    version Int64 COMMENT 'Place in person.changes of what changed the person' CODEC(ZSTD),
    created_at DateTime64(6, 'UTC') COMMENT 'The earliest event that is not personless' CODEC(ZSTD),
    identified Bool COMMENT 'Whether the person has said who it is',
    is_deleted Bool COMMENT 'Whether no event makes the person exist',
    properties String COMMENT 'The properties of all its distinct ids, joined: the text of a JSON object' CODEC(ZSTD),
    distinct_ids Array(String) COMMENT 'Its distinct ids' CODEC(ZSTD),
    _log UUID COMMENT 'The row''s place in persons: topic id' CODEC(ZSTD),
    _partition Int32 COMMENT 'The row''s place in persons: partition' CODEC(ZSTD),
    _offset Int64 COMMENT 'The row''s place in persons: offset' CODEC(Delta, ZSTD),
    _row Int32 COMMENT 'The row''s place in persons: row within the message' CODEC(Delta, ZSTD),
    _epoch Int64 COMMENT 'The setting log_epoch when the row was inserted' CODEC(ZSTD),
    _version UInt128 MATERIALIZED bitShiftLeft(toUInt128(_epoch), 96) + toUInt128(version)
        COMMENT 'The highest one counts' CODEC(ZSTD),
    INDEX log _log TYPE minmax GRANULARITY 1,
    INDEX partition _partition TYPE minmax GRANULARITY 1,
    INDEX offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree(_version)
ORDER BY (project, person_id)
SETTINGS {window}
COMMENT 'Every person, of which the row with the highest version counts: read persons_current';

-- distributed: persons by cityHash64(project, person_id)

-- A row, once written, stays, even when it names the person that the id has by itself.
CREATE TABLE IF NOT EXISTS {database}.person_distinct_id_overrides{local}{on_cluster}
(
    project Int64 COMMENT 'The tenant' CODEC(ZSTD),
    distinct_id String COMMENT 'How a sender names the actor' CODEC(ZSTD),
    person_id UUID COMMENT 'Whose it is' CODEC(ZSTD),
    identified Bool COMMENT 'Whether that person has said who it is',
    version Int64 COMMENT 'Place in identity.claims of what decided it' CODEC(ZSTD),
    _log UUID COMMENT 'The row''s place in identity.mappings: topic id' CODEC(ZSTD),
    _partition Int32 COMMENT 'The row''s place in identity.mappings: partition' CODEC(ZSTD),
    _offset Int64 COMMENT 'The row''s place in identity.mappings: offset' CODEC(Delta, ZSTD),
    _row Int32 COMMENT 'The row''s place in identity.mappings: row within the message' CODEC(Delta, ZSTD),
    _epoch Int64 COMMENT 'The setting log_epoch when the row was inserted' CODEC(ZSTD),
    _version UInt128 MATERIALIZED bitShiftLeft(toUInt128(_epoch), 96) + toUInt128(version)
        COMMENT 'The highest one counts' CODEC(ZSTD),
    INDEX log _log TYPE minmax GRANULARITY 1,
    INDEX partition _partition TYPE minmax GRANULARITY 1,
    INDEX offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree(_version)
ORDER BY (project, distinct_id)
SETTINGS {window}
COMMENT 'The person of every distinct id that a claim ever concerned; any other is the person computed from the id';

-- distributed: person_distinct_id_overrides by cityHash64(project, distinct_id)

CREATE TABLE IF NOT EXISTS {database}.ingestion_warnings{local}{on_cluster}
(
    project Int64 COMMENT 'The tenant' CODEC(ZSTD),
    distinct_id String COMMENT 'Whose event it was' CODEC(ZSTD),
    code LowCardinality(String) COMMENT 'Which rule',
    message String COMMENT 'What was refused, why, and what to do' CODEC(ZSTD),
    event_uuid UUID COMMENT 'The event, which itself went on' CODEC(ZSTD),
    timestamp DateTime64(6, 'UTC') COMMENT 'When the event happened' CODEC(Delta, ZSTD),
    _log UUID COMMENT 'The row''s place in ingestion.warnings: topic id' CODEC(ZSTD),
    _partition Int32 COMMENT 'The row''s place in ingestion.warnings: partition' CODEC(ZSTD),
    _offset Int64 COMMENT 'The row''s place in ingestion.warnings: offset' CODEC(Delta, ZSTD),
    _row Int32 COMMENT 'The row''s place in ingestion.warnings: row within the message' CODEC(Delta, ZSTD),
    _epoch Int64 COMMENT 'The setting log_epoch when the row was inserted' CODEC(ZSTD),
    _inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it became queryable' CODEC(Delta, ZSTD),
    INDEX log _log TYPE minmax GRANULARITY 1,
    INDEX partition _partition TYPE minmax GRANULARITY 1,
    INDEX offset _offset TYPE minmax GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY (project, code, distinct_id, event_uuid, cityHash64(message))
TTL toDateTime(_inserted_at) + INTERVAL 90 DAY
SETTINGS {window}
COMMENT 'What was refused of events that went on: merges of people, person properties; read it with FINAL';

-- distributed: ingestion_warnings by cityHash64(project, distinct_id)

CREATE OR REPLACE VIEW {database}.persons_current{on_cluster} AS
SELECT project, person_id, created_at, identified, properties, distinct_ids
FROM {database}.persons FINAL
WHERE NOT is_deleted
COMMENT 'Every person as it is now: what analysts read';

CREATE OR REPLACE VIEW {database}.person_distinct_ids{on_cluster} AS
SELECT project, arrayJoin(distinct_ids) AS distinct_id, person_id
FROM {database}.persons FINAL
COMMENT 'Every distinct id with its person, as they are now';

-- What an event was stamped with counts only where nothing newer is known. Of sessions, only dead starts lead elsewhere.
CREATE OR REPLACE VIEW {database}.events_resolved{on_cluster} AS
SELECT
    e.uuid AS uuid,
    e.project AS project,
    e.event AS event,
    e.distinct_id AS distinct_id,
    if(known.known, known.person_id, e.person_id) AS person_id,
    if(known.known, known.identified, e.person_identified) AS person_identified,
    if(moved.known, moved.session_id, e.session_id) AS session_id,
    e.session_given AS session_given,
    if(moved.known, moved.session_start, e.session_start) AS session_start,
    e.timestamp AS timestamp,
    e.received_at AS received_at,
    e.properties AS properties,
    e.`set` AS `set`,
    e.set_once AS set_once,
    e.unset AS unset,
    e.person_properties AS person_properties
FROM (SELECT * FROM {database}.events FINAL SETTINGS do_not_merge_across_partitions_select_final = 1) AS e
LEFT ANY JOIN
(
    SELECT project, distinct_id, person_id, identified, true AS known FROM {database}.person_distinct_id_overrides FINAL
) AS known ON e.project = known.project AND e.distinct_id = known.distinct_id
LEFT ANY JOIN
(
    SELECT project, distinct_id, start, session_start, session_id, true AS known, false AS given
    FROM {database}.session_moves
) AS moved
ON e.project = moved.project AND e.distinct_id = moved.distinct_id AND e.session_start = moved.start
    AND e.session_given = moved.given
COMMENT 'Every event exactly once, with the person and the visit that are known now: what analysts read';

-- A derived visit has one distinct id, its owner; a visit that its sender named may have many, and has no owner.
-- To ask for an owner is quicker than for a distinct id: what does not concern it is not added up.
CREATE OR REPLACE VIEW {database}.sessions_current{on_cluster} AS
SELECT
    v.project AS project,
    v.session_id AS session_id,
    v.given AS given,
    v.start AS start,
    v.end AS end,
    intDiv(toUnixTimestamp64Micro(v.end) - toUnixTimestamp64Micro(v.start), 1000000) AS duration_s,
    v.events AS events,
    v.pageviews AS pageviews,
    v.entry.1 AS entry_url,
    v.exit AS exit_url,
    v.entry.2 AS referrer,
    v.entry.3 AS campaign,
    v.events = 1 AS bounce,
    toUnixTimestamp64Micro(v.end) - toUnixTimestamp64Micro(v.start) > 86400000000 AS long,
    if(known.known, known.person_id, v.person.1) AS person_id,
    v.distinct_id AS distinct_id,
    v.distinct_ids AS distinct_ids,
    v.owner AS owner
FROM
(
    SELECT
        pieces.project AS project,
        if(moved.known, moved.session_id, pieces.session_id) AS session_id,
        pieces.given AS given,
        if(pieces.given, '', pieces.distinct_id) AS owner,
        min(pieces.first) AS start,
        max(pieces.last) AS end,
        uniqExactMerge(pieces.events) AS events,
        uniqExactMerge(pieces.pageviews) AS pageviews,
        argMinMerge(pieces.entry) AS entry,
        argMaxMerge(pieces.exit) AS exit,
        argMaxMerge(pieces.person) AS person,
        person.2 AS distinct_id,
        arraySort(groupUniqArray(pieces.distinct_id)) AS distinct_ids
    FROM {database}.sessions AS pieces
    LEFT ANY JOIN
    (
        SELECT project, distinct_id, start, session_id, true AS known, false AS given FROM {database}.session_moves
    ) AS moved
    ON pieces.project = moved.project AND pieces.distinct_id = moved.distinct_id
        AND pieces.session_start = moved.start AND pieces.given = moved.given
    GROUP BY project, session_id, given, owner
) AS v
LEFT ANY JOIN
(
    SELECT project, distinct_id, person_id, true AS known FROM {database}.person_distinct_id_overrides FINAL
) AS known ON v.project = known.project AND v.distinct_id = known.distinct_id
COMMENT 'Every visit as it is known now: what analysts read';
