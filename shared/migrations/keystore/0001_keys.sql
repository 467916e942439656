-- The whole of a service's key store: keys without any word on what they are for.
CREATE TABLE key (
    id  uuid PRIMARY KEY,
    key bytea NOT NULL
);

-- Statistics are samples of a column's values: the server would keep copies of keys.
ALTER TABLE key ALTER COLUMN key SET STATISTICS 0;

-- Keys that were erased, until their bytes are out of the server's files too.
CREATE TABLE erased (
    id        uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT now()
);
