-- Exact bytes and stored values of bodies. Only gemtap.stores.sqlite.bodies knows how they are kept.
CREATE TABLE bodies (
    number INTEGER PRIMARY KEY,
    zstd BLOB NOT NULL
) STRICT;

-- One row an interaction. The scalar columns repeat what lists filter and sort by and what charts add up.
-- The wide columns come last: SQLite reads a row only as far as the last column that is asked for.
-- Times of day are milliseconds since 1970 (UTC). The references to bodies are no foreign keys: deleting a body
-- would then search this whole table for them.
CREATE TABLE interactions (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,          -- the ObjectId's 12 bytes
    timestamp INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    provider TEXT NOT NULL,
    operation TEXT NOT NULL,
    model TEXT,
    outcome TEXT NOT NULL,
    status INTEGER,
    failed INTEGER NOT NULL,          -- 1 where the document has an error
    client TEXT,                      -- client.name
    thread BLOB,                      -- thread.id
    request_duration_ms REAL,
    first_byte_ms REAL,
    input_tokens INTEGER,
    cached_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    tool_use_tokens INTEGER,
    total_tokens INTEGER,
    cost_usd REAL,
    request_raw INTEGER,              -- a body: the exact bytes; NULL where there were none
    request_form TEXT NOT NULL,       -- how to get at `body`: see gemtap.stores.sqlite.values
    request_value INTEGER,            -- a body: the stored value, where it is no parse of the exact bytes
    response_raw INTEGER,
    response_form TEXT NOT NULL,
    response_value INTEGER,
    document BLOB NOT NULL,           -- zstd of the JSON document without bodies and chunk times
    chunks BLOB                       -- zstd of the JSON of response.chunks
) STRICT;

CREATE INDEX interactions_by_timestamp ON interactions (timestamp, id);
CREATE INDEX interactions_by_recorded_at ON interactions (recorded_at, id);
CREATE INDEX interactions_by_provider ON interactions (provider, timestamp, id);
CREATE INDEX interactions_by_model ON interactions (model, timestamp, id);
CREATE INDEX interactions_by_operation ON interactions (operation, timestamp, id);
CREATE INDEX interactions_by_outcome ON interactions (outcome, timestamp, id);
CREATE INDEX interactions_by_status ON interactions (status, timestamp, id);
CREATE INDEX interactions_by_client ON interactions (client, timestamp, id);
CREATE INDEX interactions_by_thread ON interactions (thread, timestamp, id);
