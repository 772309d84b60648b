-- Numbers that workloads report. A point is all that was reported of a metric, in one unit, in one second or minute;
-- `spread` is a sketch of the single values, or null where only their sum is known.
CREATE TABLE metric (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    scope        TEXT NOT NULL,
    namespace    TEXT NOT NULL,
    name         TEXT NOT NULL,
    dimensions   TEXT NOT NULL,
    last_arrival INTEGER NOT NULL,
    UNIQUE (scope, namespace, name, dimensions)
) STRICT;

CREATE TABLE metric_point (
    metric_id INTEGER NOT NULL REFERENCES metric (id) ON DELETE CASCADE,
    time      INTEGER NOT NULL,
    unit      TEXT NOT NULL,
    samples   REAL NOT NULL,
    sum       REAL NOT NULL,
    minimum   REAL NOT NULL,
    maximum   REAL NOT NULL,
    spread    TEXT,
    PRIMARY KEY (metric_id, time, unit)
) STRICT, WITHOUT ROWID;
CREATE INDEX metric_point_by_time ON metric_point (time);

-- What became of alarms, kept longer than they are.
CREATE TABLE alarm_event (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    scope   TEXT NOT NULL,
    alarm   TEXT NOT NULL,
    time    INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    summary TEXT NOT NULL,
    data    TEXT NOT NULL
) STRICT;
CREATE INDEX alarm_event_by_time ON alarm_event (scope, time);
