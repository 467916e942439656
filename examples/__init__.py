"""Examples that run against the real network."""
