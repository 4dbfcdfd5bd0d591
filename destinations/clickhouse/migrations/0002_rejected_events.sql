-- Rejected records: the original bytes, where they came from, and why. A copy of one place collapses.
CREATE TABLE IF NOT EXISTS {database}.rejected_events{local}{on_cluster}
(
    code LowCardinality(String),
    stage LowCardinality(String),
    message String CODEC(ZSTD),
    project Int64,
    destination LowCardinality(String),
    topic LowCardinality(String),
    log UUID CODEC(ZSTD),
    partition Int32 CODEC(ZSTD),
    offset Int64 CODEC(Delta, ZSTD),
    row Int32 CODEC(Delta, ZSTD),
    record_timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    key Nullable(String) CODEC(ZSTD),
    value Nullable(String) CODEC(ZSTD),
    headers String CODEC(ZSTD),
    _log UUID CODEC(ZSTD),
    _partition Int32 CODEC(ZSTD),
    _offset Int64 CODEC(Delta, ZSTD),
    _row Int32 CODEC(Delta, ZSTD),
    _epoch Int64 CODEC(ZSTD),
    _version UInt128 MATERIALIZED bitNot(
        bitShiftLeft(toUInt128(_epoch), 96) + bitShiftLeft(toUInt128(_offset), 32) + toUInt128(_row)
    ) CODEC(ZSTD),
    _inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD),
    INDEX place _offset TYPE minmax GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree(_version)
PARTITION BY toYYYYMM(record_timestamp)
ORDER BY (project, code, stage, destination, topic, log, partition, offset, row)
TTL toDateTime(_inserted_at) + INTERVAL 90 DAY
SETTINGS {window};

-- distributed: rejected_events by cityHash64(log, partition, offset)
