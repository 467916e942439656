-- Which key of the key store a subject's sealed things are wrapped under. The key itself is never
-- in this database, nor in anything that is made from it: its backups, its archived log, topics.
CREATE TABLE erasure_key (
    subject   text PRIMARY KEY,
    key_id    uuid NOT NULL,
    erased_at timestamptz
);
