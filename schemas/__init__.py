"""The vocabulary: what an event is, how it may arrive, how it travels between hops, and its limits."""
