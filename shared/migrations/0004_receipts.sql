-- Receipts of what was lodged. The ledger has their commitments; here is what they commit to.
CREATE TABLE receipt (
    event_id   uuid PRIMARY KEY,
    subject    text NOT NULL,
    type       text NOT NULL,
    time       timestamptz NOT NULL,
    commitment bytea NOT NULL,
    -- What the salt is made of: nonce, signer's public key, SHA-256 of the request, 32 bytes each.
    -- Nothing else has them, so without this nobody here can say what the commitment is of.
    opening    bytea
);

CREATE INDEX receipt_by_subject ON receipt (subject, time, event_id);

-- The receipt is put into the answer whenever the answer is given, so that its text is kept once.
ALTER TABLE answer ADD COLUMN receipt uuid;
