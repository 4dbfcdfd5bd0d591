-- Events, one row each. The version is the inverted position, so that of several copies the first one wins.
CREATE TABLE IF NOT EXISTS {database}.events{local}{on_cluster}
(
    uuid UUID COMMENT 'The event''s identity within its project and distinct id' CODEC(NONE),
    project Int64 COMMENT 'The tenant, by its id in the configuration' CODEC(ZSTD),
    event LowCardinality(String) COMMENT 'The event''s name',
    distinct_id String COMMENT 'How the sender names the actor: a device, a user' CODEC(ZSTD),
    person_id UUID COMMENT 'The actor' CODEC(ZSTD),
    person_identified Bool COMMENT 'Whether the actor has said who it is',
    session_id String COMMENT 'The visit; empty where there is none' CODEC(ZSTD),
    session_start DateTime64(6, 'UTC') COMMENT 'When the visit began' CODEC(Delta, ZSTD),
    timestamp DateTime64(6, 'UTC') COMMENT 'When it happened, corrected for the sender''s clock' CODEC(Delta, ZSTD),
    received_at DateTime64(6, 'UTC') COMMENT 'When the edge got it' CODEC(Delta, ZSTD),
    properties String COMMENT 'What the sender says about the event: the text of a JSON object' CODEC(ZSTD),
    `set` String COMMENT 'Person properties to set: a JSON object, or empty' CODEC(ZSTD),
    set_once String COMMENT 'Person properties to set if they are not set yet: a JSON object, or empty' CODEC(ZSTD),
    unset String COMMENT 'Person properties to remove: a JSON array of names, or empty' CODEC(ZSTD),
    person_properties String COMMENT 'The person''s properties as they were then: a JSON object, or empty' CODEC(ZSTD),
    source_log UUID COMMENT 'The record''s place in events.raw: topic id' CODEC(ZSTD),
    source_partition Int32 COMMENT 'The record''s place in events.raw: partition' CODEC(ZSTD),
    source_offset Int64 COMMENT 'The record''s place in events.raw: offset' CODEC(Delta, ZSTD),
    accepted_log UUID COMMENT 'The row''s place in events.accepted: topic id' CODEC(ZSTD),
    accepted_partition Int32 COMMENT 'The row''s place in events.accepted: partition' CODEC(ZSTD),
    accepted_offset Int64 COMMENT 'The row''s place in events.accepted: offset' CODEC(Delta, ZSTD),
    accepted_row Int32 COMMENT 'The row''s place in events.accepted: row within the message' CODEC(Delta, ZSTD),
    _log UUID COMMENT 'The row''s place in events.prepared: topic id' CODEC(ZSTD),
    _partition Int32 COMMENT 'The row''s place in events.prepared: partition' CODEC(ZSTD),
    _offset Int64 COMMENT 'The row''s place in events.prepared: offset' CODEC(Delta, ZSTD),
    _row Int32 COMMENT 'The row''s place in events.prepared: row within the message' CODEC(Delta, ZSTD),
    _epoch Int64 COMMENT 'The setting log_epoch when the row was inserted' CODEC(ZSTD),
    _version UInt128 MATERIALIZED bitNot(
        bitShiftLeft(toUInt128(_epoch), 96) + bitShiftLeft(toUInt128(_offset), 32) + toUInt128(_row)
    ) COMMENT 'Higher for an earlier place: of several copies the first one wins' CODEC(ZSTD),
    _inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it became queryable' CODEC(Delta, ZSTD),
    INDEX log _log TYPE minmax GRANULARITY 1,
    INDEX partition _partition TYPE minmax GRANULARITY 1,
    INDEX offset _offset TYPE minmax GRANULARITY 1,
    INDEX row _row TYPE minmax GRANULARITY 1,
    INDEX uuid uuid TYPE bloom_filter GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree(_version)
PARTITION BY toYYYYMM(timestamp)
ORDER BY (project, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid))
SETTINGS {window}
COMMENT 'Every event, one row each; a repeat may stand beside the first copy until parts are merged: read events_resolved';

-- distributed: events by cityHash64(project, distinct_id)

-- Copies of an event are in one partition, for its day is part of the key: so FINAL need not compare partitions.
CREATE OR REPLACE VIEW {database}.events_resolved{on_cluster} AS
SELECT
    uuid, project, event, distinct_id, person_id, person_identified, session_id, session_start, timestamp,
    received_at, properties, `set`, set_once, unset, person_properties
FROM {database}.events FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Every event exactly once: what analysts read';

CREATE OR REPLACE VIEW {database}.usage_daily{on_cluster} AS
SELECT project, toDate32(timestamp) AS day, event, count() AS events, uniq(distinct_id) AS distinct_ids
FROM {database}.events FINAL
GROUP BY project, day, event
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Events and, about, distinct ids per project, day (UTC) and event name';
