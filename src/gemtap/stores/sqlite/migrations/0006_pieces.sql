-- Bodies are kept as pieces: each distinct piece once, many of them compressed together.
-- See gemtap.stores.sqlite.bodies; docs/storage.md says it for people.

-- `piece` and `blob`: the next number. Interactions are numbered with the pieces. None is ever given twice, not even
-- after a deletion: whoever has read what a number means may go on believing it. Blobs, which no compression makes
-- smaller, are counted apart, so that packs of the others stay without gaps.
-- `bodies`: how many there are; `deleted`: how many were let go of since what nobody refers to was last swept away.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO counters SELECT 'piece', coalesce(max(number), 0) + 1 FROM interactions;
INSERT INTO counters VALUES ('blob', 1 << 40), ('bodies', 0), ('deleted', 0);

-- Pieces with consecutive numbers, compressed as one. Packs are merged into larger ones: `tier` says how far.
CREATE TABLE packs (
    first INTEGER PRIMARY KEY,        -- the number of its first piece
    span INTEGER NOT NULL,            -- numbers that it covers
    size INTEGER NOT NULL,            -- bytes, before compression
    tier INTEGER NOT NULL,
    lengths BLOB NOT NULL,            -- zstd of the pieces' lengths, 32 bits each; 0 where a piece is gone
    zstd BLOB NOT NULL
) STRICT;

-- Where a piece that may come again is found, by the first 64 bits of its hash.
CREATE TABLE pieces (
    key INTEGER PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;

-- Bodies from before are each compressed whole, in the table `bodies`. References to them are negative from now on;
-- they are moved over in small steps, see gemtap.stores.sqlite.upkeep.
UPDATE interactions SET
    request_raw = -request_raw, request_value = -request_value,
    response_raw = -response_raw, response_value = -response_value;

CREATE INDEX interactions_with_whole_bodies ON interactions (number)
WHERE request_raw < 0 OR request_value < 0 OR response_raw < 0 OR response_value < 0;
