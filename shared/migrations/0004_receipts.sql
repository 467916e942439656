-- Receipts of what was lodged. The ledger has their commitments; here is what they commit to.
CREATE TABLE receipt (
    event_id uuid PRIMARY KEY,
    subject  text NOT NULL,
    type     text NOT NULL,
    time     timestamptz NOT NULL,
    -- What the salt is made of (nonce, signer's public key, SHA-256 of the request), wrapped under
    -- the subject's erasure key. Without it nobody can say which of the ledger's entries this is.
    opening  bytea NOT NULL
);

CREATE INDEX receipt_by_subject ON receipt (subject, time, event_id);

-- The receipt is put into the answer whenever the answer is given, so that its text is kept once.
ALTER TABLE answer ADD COLUMN receipt uuid;
