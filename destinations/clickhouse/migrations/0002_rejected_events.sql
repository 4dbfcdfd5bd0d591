-- Rejected records: the original bytes, where they came from, and why. A copy of one place collapses.
CREATE TABLE IF NOT EXISTS {database}.rejected_events{local}{on_cluster}
(
    code LowCardinality(String) COMMENT 'Why, from the closed list of rejection codes',
    stage LowCardinality(String) COMMENT 'Which hop refused it: accept, deliver',
    message String COMMENT 'Why, with the field, the limit and the remedy' CODEC(ZSTD),
    project Int64 COMMENT 'The tenant; 0 where the record did not get as far',
    destination LowCardinality(String) COMMENT 'Which destination refused it; empty where none did',
    topic LowCardinality(String) COMMENT 'The record''s place: topic',
    log UUID COMMENT 'The record''s place: topic id' CODEC(ZSTD),
    partition Int32 COMMENT 'The record''s place: partition' CODEC(ZSTD),
    offset Int64 COMMENT 'The record''s place: offset' CODEC(Delta, ZSTD),
    row Int32 COMMENT 'The record''s place: row within the message; 0 for a raw record' CODEC(Delta, ZSTD),
    record_timestamp DateTime64(6, 'UTC') COMMENT 'The record''s own timestamp' CODEC(Delta, ZSTD),
    key Nullable(String) COMMENT 'The original key' CODEC(ZSTD),
    value Nullable(String) COMMENT 'The original bytes; of a refused event the prepared row as JSON' CODEC(ZSTD),
    headers String COMMENT 'The original headers: a JSON array of [name, base64 or null]' CODEC(ZSTD),
    _log UUID COMMENT 'The row''s place in events.rejected: topic id' CODEC(ZSTD),
    _partition Int32 COMMENT 'The row''s place in events.rejected: partition' CODEC(ZSTD),
    _offset Int64 COMMENT 'The row''s place in events.rejected: offset' CODEC(Delta, ZSTD),
    _row Int32 COMMENT 'The row''s place in events.rejected: row within the message' CODEC(Delta, ZSTD),
    _epoch Int64 COMMENT 'The setting log_epoch when the row was inserted' CODEC(ZSTD),
    _version UInt128 MATERIALIZED bitNot(
        bitShiftLeft(toUInt128(_epoch), 96) + bitShiftLeft(toUInt128(_offset), 32) + toUInt128(_row)
    ) COMMENT 'Higher for an earlier place: of several copies the first one wins' CODEC(ZSTD),
    _inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it became queryable' CODEC(Delta, ZSTD),
    INDEX log _log TYPE minmax GRANULARITY 1,
    INDEX partition _partition TYPE minmax GRANULARITY 1,
    INDEX offset _offset TYPE minmax GRANULARITY 1,
    INDEX row _row TYPE minmax GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree(_version)
PARTITION BY toYYYYMM(record_timestamp)
ORDER BY (project, code, stage, destination, topic, log, partition, offset, row)
SETTINGS {window}
COMMENT 'What was rejected, with the original bytes and the reason; read it with FINAL';

-- distributed: rejected_events by cityHash64(log, partition, offset)
