-- What a case's company was told. `event` is a google.protobuf.Any, redacted for companies.
CREATE TABLE notice (
    handle text NOT NULL,
    number bigint NOT NULL,
    time   timestamptz NOT NULL,
    event  bytea NOT NULL,
    PRIMARY KEY (handle, number)
);

CREATE TABLE notice_count (
    handle text PRIMARY KEY,
    last   bigint NOT NULL
);

-- The remedy feed. `line` and `items` are pseudonyms, `event` is a google.protobuf.Any, redacted
-- for NGOs: nothing here names a case.
CREATE TABLE feed_log (
    number  bigint PRIMARY KEY,
    day     date NOT NULL,
    line    text NOT NULL,
    items   text[] NOT NULL,
    country text NOT NULL,
    sector  text NOT NULL,
    kinds   integer[] NOT NULL,
    states  integer[] NOT NULL,
    event   bytea NOT NULL
);

-- One row. Whoever adds to the feed holds it until commit, so numbers are gap-free in commit order.
CREATE TABLE feed_count (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    last bigint NOT NULL
);
INSERT INTO feed_count (last) VALUES (0);
