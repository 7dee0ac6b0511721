-- One row for an hour of all points, written once. Times are Unix minutes; `samples` is described in samples.py.
-- `number` counts up, so that new rows share a page. `resolution` is 1, 15 or 60 minutes and grows with the age.
CREATE TABLE history (
    number INTEGER PRIMARY KEY,
    start INTEGER NOT NULL,
    length INTEGER NOT NULL,
    resolution INTEGER NOT NULL,
    samples BLOB NOT NULL
) STRICT;

CREATE INDEX history_by_time ON history (start);
CREATE INDEX history_by_resolution ON history (resolution, start);
