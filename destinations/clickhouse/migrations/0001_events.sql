-- Events, one row each. The version is the inverted position, so that of several copies the first one wins.
CREATE TABLE IF NOT EXISTS {database}.events{local}{on_cluster}
(
    uuid UUID CODEC(NONE),
    project Int64 CODEC(ZSTD),
    event LowCardinality(String),
    distinct_id String CODEC(ZSTD),
    person_id UUID CODEC(ZSTD),
    person_identified Bool,
    session_id String CODEC(ZSTD),
    session_start DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    properties String CODEC(ZSTD),
    `set` String CODEC(ZSTD),
    set_once String CODEC(ZSTD),
    unset String CODEC(ZSTD),
    person_properties String CODEC(ZSTD),
    source_log UUID CODEC(ZSTD),
    source_partition Int32 CODEC(ZSTD),
    source_offset Int64 CODEC(Delta, ZSTD),
    accepted_log UUID CODEC(ZSTD),
    accepted_partition Int32 CODEC(ZSTD),
    accepted_offset Int64 CODEC(Delta, ZSTD),
    accepted_row Int32 CODEC(Delta, ZSTD),
    _log UUID CODEC(ZSTD),
    _partition Int32 CODEC(ZSTD),
    _offset Int64 CODEC(Delta, ZSTD),
    _row Int32 CODEC(Delta, ZSTD),
    _epoch Int64 CODEC(ZSTD),
    _version UInt128 MATERIALIZED bitNot(
        bitShiftLeft(toUInt128(_epoch), 96) + bitShiftLeft(toUInt128(_offset), 32) + toUInt128(_row)
    ) CODEC(ZSTD),
    _inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD),
    INDEX log _log TYPE minmax GRANULARITY 1,
    INDEX partition _partition TYPE minmax GRANULARITY 1,
    INDEX offset _offset TYPE minmax GRANULARITY 1,
    INDEX row _row TYPE minmax GRANULARITY 1,
    INDEX uuid uuid TYPE bloom_filter GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree(_version)
PARTITION BY toYYYYMM(timestamp)
ORDER BY (project, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid))
SETTINGS {window};

-- distributed: events by cityHash64(project, distinct_id)

CREATE OR REPLACE VIEW {database}.events_resolved{on_cluster} AS
SELECT
    uuid, project, event, distinct_id, person_id, person_identified, session_id, session_start, timestamp,
    received_at, properties, `set`, set_once, unset, person_properties
FROM {database}.events FINAL;

CREATE OR REPLACE VIEW {database}.usage_daily{on_cluster} AS
SELECT project, toDate(timestamp) AS day, event, count() AS events, uniq(distinct_id) AS distinct_ids
FROM {database}.events FINAL
GROUP BY project, day, event;
