-- A case as its company made it. `body` is a harbourlight.reporting.v1.Case.
CREATE TABLE cases (
    subject     text PRIMARY KEY,
    revision    bigint NOT NULL,
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    body        bytea NOT NULL,
    state       text NOT NULL,
    perfect_by  timestamptz
);

CREATE INDEX cases_to_perfect ON cases (perfect_by) WHERE perfect_by IS NOT NULL;
