-- A case at one desk. `body` is a harbourlight.triage.v1.Referral without its etag.
CREATE TABLE referrals (
    subject           text PRIMARY KEY,
    revision          bigint NOT NULL,
    changed_xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    body              bytea NOT NULL,
    referral_id       uuid NOT NULL UNIQUE,
    state             text NOT NULL,
    desk              text NOT NULL,
    country           text NOT NULL,
    sector            text NOT NULL,
    exploitation_type text NOT NULL,
    priority          text NOT NULL,
    came_forward_at   timestamptz NOT NULL,
    received_at       timestamptz NOT NULL,
    -- When the next deadline is to be warned of or missed.
    clock_at          timestamptz
);

-- The queue is read lane by lane, a lane being equal desk, state and priority (and country where
-- that is asked for), each in order of age. The included columns are what a filter may ask
-- beyond that, so that only the referrals of the page itself are read from the table.
CREATE INDEX referrals_lane ON referrals (desk, state, priority, received_at, subject)
    INCLUDE (sector, exploitation_type);
CREATE INDEX referrals_country_lane
    ON referrals (desk, country, state, priority, received_at, subject)
    INCLUDE (sector, exploitation_type);

CREATE INDEX referrals_changed ON referrals (changed_xid, subject);

CREATE INDEX referrals_clock ON referrals (clock_at) WHERE clock_at IS NOT NULL;
