-- When a row was written: an event's own time may be rounded, and says nothing about waiting.
ALTER TABLE outbox ADD COLUMN written_at timestamptz NOT NULL DEFAULT now();

-- What operators did by hand, who and why. Rows are only ever added.
CREATE TABLE operator_action (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    operator text NOT NULL CHECK (operator <> ''),
    -- The database role that it was done as.
    role     text NOT NULL DEFAULT session_user,
    action   text NOT NULL,
    reason   text NOT NULL CHECK (reason <> ''),
    -- The parked event that it was about: consumer, stream, subject and sequence; or the dead
    -- letter: its topic and offset. Null where it was about neither.
    consumer text,
    stream   text,
    subject  text,
    sequence bigint,
    topic    text,
    kafka_offset bigint,
    detail   text NOT NULL DEFAULT ''
);
