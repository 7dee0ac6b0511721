-- One row for each register that was ever reported, never one for each address.
-- at_unix_s is null while the register is reported like all others: its age is then that of `saved`.
CREATE TABLE reported (
    address INTEGER PRIMARY KEY,
    word INTEGER NOT NULL CHECK (word BETWEEN 0 AND 65535),
    at_unix_s REAL
) STRICT;

-- When the base last reported anything; one row, so that unchanged registers need not be rewritten.
CREATE TABLE saved (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at_unix_s REAL NOT NULL
) STRICT;

-- Times are Unix seconds. `number` counts up, so that new rows share a page; the random ids would each touch their own.
CREATE TABLE commands (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    point TEXT NOT NULL,
    value ANY NOT NULL,
    origin TEXT NOT NULL,
    state TEXT NOT NULL,
    queued_at REAL NOT NULL,
    delivered_at REAL,
    ended_at REAL,
    read_by TEXT NOT NULL,
    reason TEXT
) STRICT;
