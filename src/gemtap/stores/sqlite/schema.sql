-- Times are milliseconds since 1970 (UTC), ids are the 12 bytes of an ObjectId.

-- One row per interaction. The scalar columns repeat what lists filter and sort by and what charts add up. The wide
-- columns come last: SQLite reads a row only up to the last column that a query needs. References to bodies are no
-- foreign keys: deleting a body would search this whole table for them.
CREATE TABLE interactions (
    number INTEGER PRIMARY KEY,       -- from the counter `interaction`, never given twice
    id BLOB NOT NULL UNIQUE,
    timestamp INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    provider TEXT NOT NULL,
    operation TEXT NOT NULL,
    model TEXT,
    model_version TEXT,
    outcome TEXT NOT NULL,
    status INTEGER,
    failed INTEGER NOT NULL,          -- 1 if the document has an error
    finish_reason TEXT,
    streaming INTEGER,
    client TEXT,                      -- client.name
    client_key TEXT,
    client_user TEXT,
    thread BLOB,                      -- thread.id
    parent BLOB,                      -- thread.parent
    replay_of BLOB,
    rating TEXT,
    request_duration_ms REAL,
    first_byte_ms REAL,
    input_tokens INTEGER,
    cached_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    tool_use_tokens INTEGER,
    total_tokens INTEGER,
    cost_usd REAL,
    cache_saved_usd REAL,
    context_system INTEGER,
    context_tools INTEGER,
    context_media INTEGER,
    context_results INTEGER,
    context_history INTEGER,
    context_new INTEGER,
    tool_use TEXT,                    -- JSON
    request_raw INTEGER,              -- a body: the exact bytes; NULL if there were none
    request_form TEXT NOT NULL,       -- how `body` is encoded: see gemtap.stores.sqlite.body_forms
    request_value INTEGER,            -- a body: the stored value, if parsing the exact bytes does not give it
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
CREATE INDEX interactions_by_model_version ON interactions (model_version, timestamp, id);
CREATE INDEX interactions_by_operation ON interactions (operation, timestamp, id);
CREATE INDEX interactions_by_outcome ON interactions (outcome, timestamp, id);
CREATE INDEX interactions_by_status ON interactions (status, timestamp, id);
CREATE INDEX interactions_by_finish_reason ON interactions (finish_reason, timestamp, id);
CREATE INDEX interactions_by_client ON interactions (client, timestamp, id);
CREATE INDEX interactions_by_client_key ON interactions (client_key, timestamp, id);
CREATE INDEX interactions_by_client_user ON interactions (client_user, timestamp, id) WHERE client_user IS NOT NULL;
-- With everything that a list of threads adds up.
CREATE INDEX interactions_by_thread ON interactions (thread, timestamp, id, total_tokens, cost_usd);
CREATE INDEX interactions_by_parent ON interactions (parent) WHERE parent IS NOT NULL;
CREATE INDEX interactions_by_replay_of ON interactions (replay_of, timestamp, id) WHERE replay_of IS NOT NULL;
CREATE INDEX interactions_by_rating ON interactions (rating, timestamp, id) WHERE rating IS NOT NULL;
-- With everything that statistics of tools and lists of interactions that call a tool need.
CREATE INDEX interactions_with_tools ON interactions (timestamp, id, tool_use, failed, cost_usd, parent)
    WHERE tool_use IS NOT NULL;
CREATE INDEX interactions_failed ON interactions (timestamp, id) WHERE failed = 1;
CREATE INDEX interactions_failed_by_thread ON interactions (thread) WHERE failed = 1;
-- With every number that lists sort by, in the order of time, so that new entries come at its end.
CREATE INDEX interactions_numbers ON interactions (timestamp, id, request_duration_ms, input_tokens, output_tokens,
    cost_usd);

-- Tags as lists filter by them. The documents have them too.
CREATE TABLE tags (
    tag TEXT NOT NULL,
    number INTEGER NOT NULL,          -- interactions.number
    PRIMARY KEY (tag, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_by_number ON tags (number);

CREATE TRIGGER tags_of_deleted AFTER DELETE ON interactions BEGIN
    DELETE FROM tags WHERE number = old.number;
END;

-- Hashes by which the turns of a conversation find one another. The newest before a moment is the first in the index.
CREATE TABLE links (
    link BLOB NOT NULL,
    timestamp INTEGER NOT NULL,       -- interactions.timestamp
    id BLOB NOT NULL,                 -- interactions.id
    PRIMARY KEY (link, timestamp, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX links_by_id ON links (id);

-- Incidents: outages, losses and failures of recording.
CREATE TABLE gemtap_events (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    until INTEGER,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,           -- exchanges that it affects
    message TEXT NOT NULL,
    details TEXT NOT NULL             -- a JSON object
) STRICT;

CREATE INDEX gemtap_events_by_at ON gemtap_events (at, id);

-- Queries that people saved under a name.
CREATE TABLE gemtap_searches (
    name TEXT NOT NULL PRIMARY KEY,
    query TEXT NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What interactions have reserved and used of limits whose windows run: see gemtap.stores.limit_usage. Deleting an
-- interaction does not touch it.
CREATE TABLE gemtap_limit_usage (
    interaction BLOB NOT NULL,        -- interactions.id
    limit_id INTEGER NOT NULL,
    window_start INTEGER NOT NULL,    -- Unix time in seconds
    ends INTEGER NOT NULL,            -- when the window ends, Unix time in seconds
    reserved INTEGER NOT NULL,
    used INTEGER NOT NULL,
    final INTEGER NOT NULL,           -- 0 if the capture was interrupted
    PRIMARY KEY (interaction, limit_id)
) STRICT, WITHOUT ROWID;

-- With everything that the sums need.
CREATE INDEX gemtap_limit_usage_by_end ON gemtap_limit_usage (ends, limit_id, window_start, reserved, used);

-- Bodies are stored as pieces: each distinct piece once, many of them compressed together.
-- See gemtap.stores.sqlite.bodies and docs/storage.md.

-- `interaction`, `piece` and `blob`: the next number. No number is given twice, not even after a deletion: garbage
-- collection tells by the numbers what is new. Blobs, which compression does not make smaller, have numbers of their
-- own, so that packs of other pieces have no gaps.
-- `bodies`: how many there are. `deleted`: how many were deleted since the last garbage collection.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

-- `protected_piece`, `protected_blob`: garbage collection frees nothing before these numbers, since lists that referred
-- to it were lost to damage.
INSERT INTO counters VALUES ('interaction', 1), ('piece', 1), ('blob', 1 << 40), ('bodies', 0), ('deleted', 0),
    ('protected_piece', 0), ('protected_blob', 0);

-- Pieces with consecutive numbers, compressed together. Compaction merges packs into larger ones.
CREATE TABLE packs (
    first INTEGER PRIMARY KEY,        -- the number of its first piece
    span INTEGER NOT NULL,            -- how many numbers it covers
    size INTEGER NOT NULL,            -- bytes before compression
    tier INTEGER NOT NULL,            -- how often it was merged: see gemtap.stores.sqlite.compaction
    edition INTEGER NOT NULL,         -- random: another pack in its place, in this file or in a backup, has another one
    lengths BLOB NOT NULL,            -- zstd of the pieces' lengths, 32 bits each; 0 for a piece that was freed
    zstd BLOB NOT NULL                -- both frames have a checksum
) STRICT;

-- Where a piece is found that may come again, by the first 64 bits of its hash.
CREATE TABLE pieces (
    key INTEGER PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;

-- Damage that maintenance found: nothing is freed or compacted until `gemtap repair` has moved it aside.
CREATE TABLE damage (
    at INTEGER NOT NULL,
    what TEXT NOT NULL
) STRICT;

-- What `gemtap repair` moved aside.
CREATE TABLE damaged_packs (
    at INTEGER NOT NULL,
    first INTEGER NOT NULL,
    span INTEGER NOT NULL,
    size INTEGER NOT NULL,
    edition INTEGER NOT NULL,
    lengths BLOB NOT NULL,
    zstd BLOB NOT NULL
) STRICT;

CREATE TABLE damaged_interactions (
    at INTEGER NOT NULL,
    number INTEGER NOT NULL,
    id BLOB NOT NULL,
    timestamp INTEGER NOT NULL,
    document BLOB NOT NULL,
    chunks BLOB
) STRICT;

-- References to bodies of interactions that are damaged. Garbage collection keeps what is left of these bodies.
CREATE TABLE damaged_bodies (
    at INTEGER NOT NULL,
    id BLOB NOT NULL,                 -- of the interaction
    part TEXT NOT NULL,               -- the column: request_raw, request_value, response_raw or response_value
    reference INTEGER NOT NULL
) STRICT;

-- Full-text search over what each turn added: see gemtap.stores.sqlite.search_index.
-- The words are in one FTS5 table per part, `search_PART`, which is created when it is first needed. A part is 2^22
-- seconds of the time at which requests were received, about 49 days.
CREATE TABLE search_parts (
    part INTEGER PRIMARY KEY,         -- the place >> 33
    places INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A place is the half hour of the request and a number within it, so that FTS5 goes through places in the order of time.
-- FTS5 keeps no text, so nothing can be taken out of it. A deleted interaction leaves its place unused until the part
-- is rebuilt.
CREATE TABLE search_places (
    place INTEGER PRIMARY KEY,
    interaction INTEGER               -- interactions.number; NULL if it was deleted
) STRICT;

CREATE UNIQUE INDEX search_places_by_interaction ON search_places (interaction) WHERE interaction IS NOT NULL;

-- Interactions that are not in the index yet.
CREATE TABLE search_due (
    interaction INTEGER PRIMARY KEY   -- interactions.number
) STRICT;

CREATE TRIGGER search_of_deleted AFTER DELETE ON interactions BEGIN
    UPDATE search_parts SET deleted = deleted + 1
        WHERE part = (SELECT place >> 33 FROM search_places WHERE interaction = old.number);
    UPDATE search_places SET interaction = NULL WHERE interaction = old.number;
    DELETE FROM search_due WHERE interaction = old.number;
END;

-- Cached statistics of whole days by one field: see gemtap.stores.statistics.cache. They can be computed again at any
-- time.
CREATE TABLE day_parts (
    day INTEGER NOT NULL,             -- days since 1970 (UTC)
    field TEXT NOT NULL,              -- the grouping: see gemtap.stores.statistics.cache.kept_as
    version INTEGER NOT NULL,         -- of what computed them: see gemtap.stores.statistics.cache.VERSION
    parts BLOB NOT NULL,              -- msgpack
    PRIMARY KEY (day, field, version)
) STRICT;

CREATE TRIGGER day_parts_after_insert AFTER INSERT ON interactions BEGIN
    DELETE FROM day_parts WHERE day = new.timestamp / 86400000;
END;

CREATE TRIGGER day_parts_after_delete AFTER DELETE ON interactions BEGIN
    DELETE FROM day_parts WHERE day = old.timestamp / 86400000;
END;

-- Annotations do not change statistics.
CREATE TRIGGER day_parts_after_update AFTER UPDATE OF timestamp, provider, operation, model, outcome, status, failed,
    finish_reason, client, client_key, client_user, thread, request_duration_ms, first_byte_ms, input_tokens,
    cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, tool_use_tokens, total_tokens, cost_usd,
    cache_saved_usd, context_system, context_tools, context_media, context_results, context_history, context_new,
    tool_use, parent ON interactions BEGIN
    DELETE FROM day_parts WHERE day IN (old.timestamp / 86400000, new.timestamp / 86400000);
END;
