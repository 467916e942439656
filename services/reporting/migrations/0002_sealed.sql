-- What is sealed in a case. Every `sealed` is a message of the contract that clients encrypted,
-- wrapped once more under the case's erasure key (shared.erasure).

-- Keys and halves of keys, per desk that they are sealed to; the identity itself at desk ''.
CREATE TABLE seals (
    subject text NOT NULL,
    desk    text NOT NULL,
    -- identity: a SealedIdentity without the desk's seal, and half: that seal; content_key: a Seal
    -- per epoch; message: a further Seal of the message at a place.
    what    text NOT NULL CHECK (what IN ('identity', 'half', 'content_key', 'message')),
    number  bigint NOT NULL,
    sealed  bytea NOT NULL,
    PRIMARY KEY (subject, desk, what, number)
);

-- The dialogue: a SealedContent each, reports and amendments among them.
CREATE TABLE messages (
    subject text NOT NULL,
    place   bigint NOT NULL,
    sender  text NOT NULL,
    purpose text NOT NULL,
    desk    text NOT NULL,
    sent_at timestamptz NOT NULL,
    sealed  bytea NOT NULL,
    PRIMARY KEY (subject, place)
);

ALTER TABLE cases ADD COLUMN review_at timestamptz;
CREATE INDEX cases_to_review ON cases (review_at) WHERE review_at IS NOT NULL;
