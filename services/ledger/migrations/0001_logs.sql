-- A log is numbered as in the contract: 1 receipts, 2 directory.
CREATE TABLE log (
    log      smallint PRIMARY KEY,
    size     bigint NOT NULL,
    -- A checkpoint that this log signed and that the entries here contradict, with the reason.
    -- While one is here, nothing is appended and nothing is signed.
    conflict text
);
INSERT INTO log (log, size) VALUES (1, 0), (2, 0);

-- Rows are only ever added. `leaf` is the entry's leaf hash. `subtrees` has the hashes of the
-- larger perfect subtrees of which this is the last leaf, 32 bytes each, from level 1 up: so every
-- perfect subtree of the tree is in the row that completed it.
CREATE TABLE entry (
    log      smallint NOT NULL,
    index    bigint NOT NULL,
    value    bytea NOT NULL,
    leaf     bytea NOT NULL,
    subtrees bytea NOT NULL,
    PRIMARY KEY (log, index)
);
CREATE UNIQUE INDEX entry_leaf ON entry (log, leaf);

-- What was signed. It is published once it is remembered outside of this database, too.
CREATE TABLE checkpoint (
    log          smallint NOT NULL,
    size         bigint NOT NULL,
    note         text NOT NULL,
    is_published boolean NOT NULL,
    signed_at    timestamptz NOT NULL DEFAULT now(),
    -- How many witnesses cosigned it.
    witnesses    integer NOT NULL DEFAULT 0,
    PRIMARY KEY (log, size)
);
CREATE INDEX checkpoint_witnesses ON checkpoint (log, witnesses, size);

-- The first and the last signature line of each witness, and the seconds since 1970 in them.
CREATE TABLE cosignature (
    log        smallint NOT NULL,
    size       bigint NOT NULL,
    witness    text NOT NULL,
    first_line text NOT NULL,
    first_time bigint NOT NULL,
    last_line  text NOT NULL,
    last_time  bigint NOT NULL,
    PRIMARY KEY (log, size, witness)
);
