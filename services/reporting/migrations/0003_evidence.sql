-- Parts of files under their content key (shared.blobs), where no object store keeps them.
CREATE TABLE blob_part (
    blob text NOT NULL,
    part integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (blob, part)
);

-- Ciphertext does not compress.
ALTER TABLE blob_part ALTER COLUMN data SET STORAGE EXTERNAL;

-- Files of a case: `place` is that of the description among the messages, `number` its number.
CREATE TABLE evidence (
    subject  text NOT NULL,
    number   bigint NOT NULL,
    place    bigint NOT NULL,
    -- Of the first message of the upload, which is the same at each try.
    hash     bytea NOT NULL,
    size     bigint NOT NULL,
    sha256   bytea NOT NULL,
    state    text NOT NULL CHECK (state IN ('ARRIVING', 'COMPLETE')),
    received bigint NOT NULL,
    PRIMARY KEY (subject, number)
);
