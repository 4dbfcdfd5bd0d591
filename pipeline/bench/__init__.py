"""The benchmark: what the path costs, on the real Kafka and on the embedded broker, beside the floor."""
