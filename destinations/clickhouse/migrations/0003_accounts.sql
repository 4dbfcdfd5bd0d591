-- The counters of every hop and partition, the newest of each epoch: what the audit reads of logs that are gone.
CREATE TABLE IF NOT EXISTS {database}.accounts{local}{on_cluster}
(
    value String COMMENT 'The whole account: a JSON object' CODEC(ZSTD),
    hop LowCardinality(String) MATERIALIZED JSONExtractString(value, 'hop') COMMENT 'Which hop counts',
    hop_partition Int32 MATERIALIZED JSONExtractInt(value, 'partition') COMMENT 'Of which of its partitions',
    epoch Int64 MATERIALIZED JSONExtractInt(value, 'epoch') COMMENT 'The setting log_epoch when it was counted',
    _log UUID COMMENT 'The record''s place in the topic accounts: topic id' CODEC(ZSTD),
    _partition Int32 COMMENT 'The record''s place in the topic accounts: partition' CODEC(ZSTD),
    _offset Int64 COMMENT 'The record''s place in the topic accounts: offset' CODEC(Delta, ZSTD),
    _row Int32 COMMENT 'Always 0' CODEC(ZSTD),
    _epoch Int64 COMMENT 'The setting log_epoch when the row was inserted' CODEC(ZSTD),
    _version UInt128 MATERIALIZED bitShiftLeft(toUInt128(_epoch), 96) + bitShiftLeft(toUInt128(_offset), 32)
        COMMENT 'Higher for a later place: the newest account wins' CODEC(ZSTD),
    _inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it became queryable' CODEC(Delta, ZSTD)
)
ENGINE = {replicated}ReplacingMergeTree(_version)
ORDER BY (hop, hop_partition, epoch)
SETTINGS {window}
COMMENT 'The counters of every hop and partition, cumulative; read it with FINAL';

-- distributed: accounts by cityHash64(JSONExtractString(value, 'hop'), JSONExtractInt(value, 'partition'))
