-- What a test's consumer did, in the order that it did it.
CREATE TABLE effect (
    place    bigint GENERATED ALWAYS AS IDENTITY,
    stream   text NOT NULL,
    subject  text NOT NULL,
    sequence bigint NOT NULL,
    value    integer NOT NULL CHECK (value <> 666),
    instance text NOT NULL
);
