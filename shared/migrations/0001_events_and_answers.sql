-- What every service's schema has: the way out (outbox), the way in (marks, parked events)
-- and the recorded answers of commands.

CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    created_on   date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    event_id     uuid NOT NULL DEFAULT uuidv7(),
    topic        text NOT NULL,
    subject      text NOT NULL,
    sequence     bigint NOT NULL,
    type         text NOT NULL,
    time         timestamptz NOT NULL,
    causation_id uuid,
    traceparent  text,
    payload      bytea NOT NULL,
    -- Dead letters alone: the record's own headers, sent instead of the columns above.
    headers      jsonb,
    sent_at      timestamptz,
    PRIMARY KEY (created_on, id)
) PARTITION BY RANGE (created_on);

-- Takes rows of days that have no partition yet; the relay makes partitions ahead of time.
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;

CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;

-- Last sequence drawn; its row lock keeps a subject's events in commit order.
CREATE TABLE outbox_sequence (
    topic   text NOT NULL,
    subject text NOT NULL,
    last    bigint NOT NULL,
    PRIMARY KEY (topic, subject)
);

-- Sequence of the last event taken in. At or below it: seen already.
CREATE TABLE inbox_mark (
    consumer text NOT NULL,
    stream   text NOT NULL,
    subject  text NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (consumer, stream, subject)
);

-- Events that wait: behind a gap, for a prerequisite, for another try, or for an operator.
CREATE TABLE inbox_parked (
    consumer   text NOT NULL,
    stream     text NOT NULL,
    subject    text NOT NULL,
    sequence   bigint NOT NULL,
    reason     text NOT NULL CHECK (reason IN ('gap', 'not_yet', 'failed', 'poison')),
    attempts   integer NOT NULL DEFAULT 0,
    retry_at   timestamptz NOT NULL,
    error      text,
    topic      text NOT NULL,
    value      bytea NOT NULL,
    headers    jsonb NOT NULL,
    parked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, subject, stream, sequence)
);

CREATE INDEX inbox_parked_due ON inbox_parked (consumer, retry_at) WHERE reason <> 'poison';

-- What a command was answered, by who asked, what and under which request_id.
CREATE TABLE answer (
    caller       text NOT NULL,
    method       text NOT NULL,
    request_id   uuid NOT NULL,
    request_hash bytea NOT NULL,
    response     bytea NOT NULL,
    answered_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, request_id, method)
);
