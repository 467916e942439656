-- What is owed in a case. `body` is a harbourlight.remedy.v1.Remedy without what follows from
-- its items. `item_states` goes with `item_ids`, place by place.
CREATE TABLE remedies (
    subject     text PRIMARY KEY,
    revision    bigint NOT NULL,
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    body        bytea NOT NULL,
    state       text NOT NULL,
    country     text NOT NULL,
    desk        text NOT NULL,
    verifiers   text[] NOT NULL,
    item_ids    uuid[] NOT NULL,
    item_states text[] NOT NULL
);

CREATE INDEX remedies_by_item ON remedies USING gin (item_ids);
CREATE INDEX remedies_by_verifier ON remedies USING gin (verifiers);
