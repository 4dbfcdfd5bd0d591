-- The counters of every hop and partition, the newest of each epoch: what the audit reads of logs that are gone.
CREATE TABLE IF NOT EXISTS {database}.accounts{local}{on_cluster}
(
    value String CODEC(ZSTD),
    hop LowCardinality(String) MATERIALIZED JSONExtractString(value, 'hop'),
    hop_partition Int32 MATERIALIZED JSONExtractInt(value, 'partition'),
    epoch Int64 MATERIALIZED JSONExtractInt(value, 'epoch'),
    _log UUID CODEC(ZSTD),
    _partition Int32 CODEC(ZSTD),
    _offset Int64 CODEC(Delta, ZSTD),
    _row Int32 CODEC(ZSTD),
    _epoch Int64 CODEC(ZSTD),
    _version UInt128 MATERIALIZED bitShiftLeft(toUInt128(_epoch), 96) + bitShiftLeft(toUInt128(_offset), 32),
    _inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD)
)
ENGINE = {replicated}ReplacingMergeTree(_version)
ORDER BY (hop, hop_partition, epoch)
SETTINGS {window};

-- distributed: accounts by cityHash64(hop, hop_partition)
