-- Requests to unseal an identity. The referral's row decides where each stands and is written
-- first; this one holds what is sealed, and lets custodians and desks find theirs.
CREATE TABLE unsealings (
    unsealing_id uuid PRIMARY KEY,
    subject      text NOT NULL,
    desk         text NOT NULL,
    country      text NOT NULL,
    -- Organisations that may answer.
    custodian    text NOT NULL,
    alternate    text NOT NULL,
    state        text NOT NULL,
    requested_at timestamptz NOT NULL,
    -- harbourlight.triage.v1.Unsealing
    body         bytea NOT NULL,
    -- UnsealingBrief without what is sealed of it.
    brief        bytea,
    -- The receipt of the request.
    receipt      uuid,
    -- What follows is wrapped under the case's erasure key: what is sealed of the brief; the
    -- released half, gone when its time is over; the remark of a refusal.
    sealed       bytea,
    half         bytea,
    remark       bytea
);

CREATE INDEX unsealings_waiting ON unsealings (requested_at, unsealing_id)
    WHERE state = 'REQUESTED';
CREATE INDEX unsealings_desk ON unsealings (desk, requested_at, unsealing_id);
CREATE INDEX unsealings_case ON unsealings (subject, requested_at, unsealing_id);
