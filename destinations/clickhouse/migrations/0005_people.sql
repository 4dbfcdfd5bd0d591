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

CREATE OR REPLACE VIEW {database}.persons_current{on_cluster}
(
    project Int64 COMMENT 'The tenant',
    person_id UUID COMMENT 'The actor',
    created_at DateTime64(6, 'UTC') COMMENT 'The earliest event that is not personless',
    identified Bool COMMENT 'Whether the person has said who it is',
    properties String COMMENT 'The properties of all its distinct ids, joined: the text of a JSON object',
    distinct_ids Array(String) COMMENT 'Its distinct ids'
)
AS
SELECT project, person_id, created_at, identified, properties, distinct_ids
FROM {database}.persons FINAL
WHERE NOT is_deleted
COMMENT 'Every person as it is now: what analysts read';

-- Not joined with the overrides, which know a merge a moment sooner: to ask for the ids of a person would then read all
-- overrides of the project (with a million of them 0.3 s instead of 3 ms), and this view is there so that nobody has to.
CREATE OR REPLACE VIEW {database}.person_distinct_ids{on_cluster}
(
    project Int64 COMMENT 'The tenant',
    distinct_id String COMMENT 'How a sender names the actor; for seconds of a merge with two people, or with none',
    person_id UUID COMMENT 'Whose it is'
)
AS
SELECT project, arrayJoin(distinct_ids) AS distinct_id, person_id
FROM {database}.persons FINAL
COMMENT 'Every distinct id with its person, as they are now';

-- What an event was stamped with counts only where nothing newer is known. Of sessions, only dead starts lead elsewhere.
-- A client's join_use_nulls would make null of what is not known, and null is not false.
CREATE OR REPLACE VIEW {database}.events_resolved{on_cluster}
(
    uuid UUID COMMENT 'The event''s identity within its project and distinct id',
    project Int64 COMMENT 'The tenant, by its id in the configuration',
    event LowCardinality(String) COMMENT 'The event''s name',
    distinct_id String COMMENT 'How the sender names the actor: a device, a user',
    person_id UUID COMMENT 'The actor, as known now',
    person_identified Bool COMMENT 'Whether the actor has said who it is, as known now',
    session_id String COMMENT 'The visit, as known now; empty where there is none',
    session_given Bool COMMENT 'Whether the sender named the visit; otherwise it is derived from the events'' times',
    session_start DateTime64(6, 'UTC') COMMENT 'When the derived visit begins, as known now',
    timestamp DateTime64(6, 'UTC') COMMENT 'When it happened, corrected for the sender''s clock',
    received_at DateTime64(6, 'UTC') COMMENT 'When the edge got it',
    properties String COMMENT 'What the sender says about the event: the text of a JSON object',
    `set` String COMMENT 'Person properties to set: a JSON object, or empty',
    set_once String COMMENT 'Person properties to set if they are not set yet: a JSON object, or empty',
    unset String COMMENT 'Person properties to remove: a JSON array of names, or empty',
    person_properties String COMMENT 'The person''s properties as they were then: a JSON object, or empty'
)
AS
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
SETTINGS join_use_nulls = 0
COMMENT 'Every event exactly once, with the person and the visit that are known now: what analysts read';

-- A derived visit has one distinct id, its owner; a visit that its sender named may have many, and has no owner.
-- To ask for an owner is quicker than for a distinct id: what does not concern it is not added up.
-- No name given inside is that of a column, for a client's prefer_column_name_to_alias would take the column.
CREATE OR REPLACE VIEW {database}.sessions_current{on_cluster}
(
    project Int64 COMMENT 'The tenant',
    session_id String COMMENT 'The visit: the name its sender gave it, or a uuid',
    given Bool COMMENT 'Whether the sender named the visit; otherwise it is derived from the events'' times',
    start DateTime64(6, 'UTC') COMMENT 'The earliest event',
    `end` DateTime64(6, 'UTC') COMMENT 'The latest event',
    duration_s Int64 COMMENT 'Whole seconds from the earliest event to the latest',
    events UInt64 COMMENT 'How many events',
    pageviews UInt64 COMMENT 'How many of them are named $pageview',
    entry_url String COMMENT 'The $current_url of the earliest event that has one',
    exit_url String COMMENT 'The $current_url of the latest event that has one',
    referrer String COMMENT 'The $referrer of the event of entry_url',
    campaign String COMMENT 'The utm_campaign of the event of entry_url: its property, else that in the address',
    bounce UInt8 COMMENT '1 if it has one $pageview; where it has none, if it has one event',
    long UInt8 COMMENT '1 if it lasted over 24 hours',
    person_id UUID COMMENT 'The person of distinct_id, as known now',
    distinct_id String COMMENT 'That of the latest event',
    distinct_ids Array(String) COMMENT 'All that sent events of it',
    owner String COMMENT 'Of a derived visit its distinct id, by which it is found quickly; else empty'
)
AS
SELECT
    v.tenant AS project,
    v.visit AS session_id,
    v.named AS given,
    v.earliest AS start,
    v.latest AS `end`,
    intDiv(toUnixTimestamp64Micro(v.latest) - toUnixTimestamp64Micro(v.earliest), 1000000) AS duration_s,
    v.counted AS events,
    v.viewed AS pageviews,
    v.entered.1 AS entry_url,
    v.left_at AS exit_url,
    v.entered.2 AS referrer,
    v.entered.3 AS campaign,
    if(v.viewed > 0, v.viewed, v.counted) = 1 AS bounce,
    toUnixTimestamp64Micro(v.latest) - toUnixTimestamp64Micro(v.earliest) > 86400000000 AS long,
    if(known.known, known.person_id, v.who.1) AS person_id,
    v.who.2 AS distinct_id,
    v.everybody AS distinct_ids,
    v.belongs_to AS owner
FROM
(
    SELECT
        pieces.project AS tenant,
        if(moved.known, moved.session_id, pieces.session_id) AS visit,
        pieces.given AS named,
        if(pieces.given, '', pieces.distinct_id) AS belongs_to,
        CAST(min(pieces.first) AS DateTime64(6, 'UTC')) AS earliest,
        CAST(max(pieces.last) AS DateTime64(6, 'UTC')) AS latest,
        uniqExactMerge(pieces.events) AS counted,
        uniqExactMerge(pieces.pageviews) AS viewed,
        argMinMerge(pieces.entry) AS entered,
        argMaxMerge(pieces.exit) AS left_at,
        argMaxMerge(pieces.person) AS who,
        arraySort(groupUniqArray(pieces.distinct_id)) AS everybody
    FROM {database}.sessions AS pieces
    LEFT ANY JOIN
    (
        SELECT project, distinct_id, start, session_id, true AS known, false AS given FROM {database}.session_moves
    ) AS moved
    ON pieces.project = moved.project AND pieces.distinct_id = moved.distinct_id
        AND pieces.session_start = moved.start AND pieces.given = moved.given
    GROUP BY tenant, visit, named, belongs_to
) AS v
LEFT ANY JOIN
(
    SELECT project, distinct_id, person_id, true AS known FROM {database}.person_distinct_id_overrides FINAL
) AS known ON v.tenant = known.project AND v.who.2 = known.distinct_id
SETTINGS join_use_nulls = 0
COMMENT 'Every visit as it is known now: what analysts read';
