"""The append-only logs of receipts and of keys, and their signed checkpoints."""
