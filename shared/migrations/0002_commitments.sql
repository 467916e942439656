-- SHA-256 of the receipt text that the ledger shall hold of an event; null where there is none.
ALTER TABLE outbox ADD COLUMN commitment bytea;
