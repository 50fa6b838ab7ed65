-- What happened to recording itself: outages, losses, failures. Times are milliseconds since 1970 (UTC).
CREATE TABLE gemtap_events (
    id BLOB NOT NULL PRIMARY KEY,     -- the ObjectId's 12 bytes
    at INTEGER NOT NULL,
    until INTEGER,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,           -- exchanges that it concerns
    message TEXT NOT NULL,
    details TEXT NOT NULL             -- a JSON object
) STRICT;

CREATE INDEX gemtap_events_by_at ON gemtap_events (at, id);
