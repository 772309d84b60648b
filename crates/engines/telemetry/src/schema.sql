-- Times are milliseconds since 1970. Ids are never used twice, so that what is left of something deleted
-- (it goes in batches) never turns up in something new.
CREATE TABLE log_group (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    scope     TEXT NOT NULL,
    name      TEXT NOT NULL,
    created   INTEGER NOT NULL,
    retention INTEGER,
    protected INTEGER NOT NULL,
    tags      TEXT NOT NULL,
    bytes     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (scope, name)
) STRICT;

CREATE TABLE log_stream (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id     INTEGER NOT NULL REFERENCES log_group (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    created      INTEGER NOT NULL,
    first_event  INTEGER,
    last_event   INTEGER,
    last_arrival INTEGER,
    UNIQUE (group_id, name)
) STRICT;

CREATE TABLE log_event (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id  INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    time      INTEGER NOT NULL,
    arrival   INTEGER NOT NULL,
    message   TEXT NOT NULL
) STRICT;
-- Streams whose events are still to be swept.
CREATE TABLE log_stream_gone (id INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER log_stream_goes AFTER DELETE ON log_stream BEGIN
    INSERT INTO log_stream_gone VALUES (OLD.id);
END;
CREATE INDEX log_event_by_stream ON log_event (stream_id, time, id);
CREATE INDEX log_event_by_group ON log_event (group_id, time, id);

CREATE TABLE segment (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    scope    TEXT NOT NULL,
    trace    TEXT NOT NULL,
    segment  TEXT NOT NULL,
    begun    INTEGER NOT NULL,
    ended    INTEGER,
    arrival  INTEGER NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (scope, trace, segment)
) STRICT;
CREATE INDEX segment_by_time ON segment (scope, begun);
CREATE INDEX segment_by_arrival ON segment (arrival);
